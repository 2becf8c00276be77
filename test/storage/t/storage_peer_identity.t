# The identity services beside the peers refuse what the platforms would refuse: test/storage/peer/identity_test.py.
use strict;
use warnings;
use FindBin;

exec 'python3', '-B', "$FindBin::Bin/../peer/identity_test.py" or die "python3: $!";
