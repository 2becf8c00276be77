# Every committed event reaches Kafka exactly once and in the order of commits per key, however often publisher, broker and
# server are killed (test build). What is done stands in EventLoop.pm.
#
# With synchronous_commit off a crash takes the last commits with it: what must not be lost after it was sent has to be forced out by
# the publisher itself.
use CloudFlux::Test;
use CloudFlux::EventLoop;

CloudFlux::EventLoop->new($ENV{CF_LONG} ? (events => 1_000_000, publisher => 500, broker => 100, postmaster => 200, pause => 50, batch => 5000)
	: (events => 50_000, publisher => 10, broker => 2, postmaster => 3, pause => 2))->run;
done_testing;
