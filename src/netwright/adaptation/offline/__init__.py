"""The offline phase: logged experience, return conditioning and imitation targets."""
