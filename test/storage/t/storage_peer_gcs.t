# The scripted GCS peer refuses what the service would refuse and plays its faults: test/storage/peer/gcs_test.py.
use strict;
use warnings;
use FindBin;

exec 'python3', '-B', "$FindBin::Bin/../peer/gcs_test.py" or die "python3: $!";
