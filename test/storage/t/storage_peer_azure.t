# The scripted Azure peer refuses what the service would refuse and plays its faults: test/storage/peer/azure_test.py.
use strict;
use warnings;
use FindBin;

exec 'python3', '-B', "$FindBin::Bin/../peer/azure_test.py" or die "python3: $!";
