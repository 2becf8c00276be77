"""What the three dialects keep: buckets of keys with their versions, in memory.

A Version is one state of an object's bytes. The newest one that is not a delete marker is the live object. Times come
from the peer's clock, versions and ids from a counter: two runs with the same requests give the same ids.
"""


class Hollow:
    """The bytes of an object of any size, which nobody keeps: all that is compared of them is how many they are."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, piece):
        return Hollow(len(range(*piece.indices(self.size))))


def hashed(data):
    """What a digest of data is made of."""
    return b"%d hollow bytes" % len(data) if isinstance(data, Hollow) else data


def joined(pieces):
    return Hollow(sum(map(len, pieces))) if any(isinstance(p, Hollow) for p in pieces) else b"".join(pieces)


class Version:
    def __init__(self, key, data, version, created, **fields):
        self.key, self.data, self.version, self.created = key, data, version, created
        self.storage_class = ""
        self.metadata = {}
        self.deleted = None                   # when it stopped being the live one
        self.marker = False
        self.__dict__.update(fields)


class Bucket:
    def __init__(self, name, options):
        self.name = name
        self.versioned = options.get("versioned", False)
        self.options = options
        self.keys = {}                        # key -> [Version], oldest first
        self.past = {}                        # key -> the list before its last change

    def get(self, key):
        """The live version of a key, None when there is none."""
        versions = self.keys.get(key)
        if not versions or versions[-1].marker or versions[-1].deleted is not None:
            return None
        return versions[-1]

    def find(self, key, version):
        for found in self.keys.get(key, ()):
            if str(found.version) == str(version):
                return found
        return None

    def current(self):
        """Live objects in byte order of their keys."""
        live = [self.get(key) for key in self.keys]
        return sorted((v for v in live if v), key=lambda v: v.key.encode())

    def remember(self, key):
        self.past[key] = list(self.keys.get(key, ()))

    def put(self, new):
        """Makes new the live version; what was live stays behind where the bucket keeps versions."""
        self.remember(new.key)
        old = self.keys.get(new.key, []) if self.versioned else []
        if old and old[-1].deleted is None:
            old[-1].deleted = new.created
        self.keys[new.key] = old + [new]

    def drop(self, key, version=None):
        """Removes one version, or the whole key."""
        self.remember(key)
        left = [v for v in self.keys.get(key, ()) if version is not None and v is not version]
        if left:
            self.keys[key] = left
        else:
            self.keys.pop(key, None)


class Store:
    def __init__(self):
        self.buckets = {}
        self.counter = 0

    def next(self):
        self.counter += 1
        return self.counter

    def make(self, name, options):
        self.buckets[name] = Bucket(name, options)

    def bucket(self, name):
        return self.buckets[name]

    def clear(self):
        for bucket in self.buckets.values():
            bucket.keys, bucket.past = {}, {}

    def as_before(self, bucket_name, key, work):
        """Runs work while the key looks as it did before its last change."""
        bucket = self.buckets.get(bucket_name)
        if bucket is None or key not in bucket.past:
            return None
        now, past = bucket.keys.get(key), bucket.past[key]
        try:
            bucket.keys[key] = past
            if not past:
                del bucket.keys[key]
            return work()
        finally:
            bucket.keys.pop(key, None)
            if now is not None:
                bucket.keys[key] = now
