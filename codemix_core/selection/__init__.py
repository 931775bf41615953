"""From scored generations to training data: picks, pairs, groups, splits and people's decisions."""
