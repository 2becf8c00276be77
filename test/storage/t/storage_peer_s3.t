# The scripted S3 peer refuses what the service would refuse and plays its faults: test/storage/peer/s3_test.py.
use strict;
use warnings;
use FindBin;

exec 'python3', '-B', "$FindBin::Bin/../peer/s3_test.py" or die "python3: $!";
