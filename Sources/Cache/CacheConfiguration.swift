package import Logging
package import OCI

/// How a cache is opened.
package struct CacheConfiguration: Sendable {
    /// What is done where there is no cache.
    package enum Mode: Sendable {
        /// One is made, in a directory that is missing or empty, or that holds an OCI image layout.
        case create
        /// That is an error: looking never creates.
        case existing
    }

    /// The cache's directory; what becomes of one that holds no cache is for ``mode`` to say.
    package var directory: String
    package var mode = Mode.create
    /// How often a download is tried again that brought other bytes than its digest names.
    ///
    /// Interrupted transfers are the source's own business.
    package var retry: RetryPolicy
    package var logger: Logger
    /// Measures back-off and polling.
    package var clock: any Clock<Duration>
    /// Measures the time between the signs of life that downloads and commits give.
    package var pulse: any Clock<Duration>
    /// How long a lock of another process is waited for, and work of another process on a blob that gives no sign of life.
    package var lockTimeout: Duration
    /// How many bytes stay free on the disk; `nil` means 5 % of it and at least 1 GiB, but never more than a tenth.
    package var minimumFree: Int64?
    /// What is collected when the disk is full; only garbage unless it is set.
    package var collection: @Sendable (ContentCache) async throws -> CollectionOptions
    /// Whether a cache that cannot be written is opened for reading: then nothing is recovered, locked or noted.
    package var mayBeReadOnly: Bool
    /// Whether it is opened to make room: then what is set aside for that may be used where the disk is full.
    package var makesRoom = false
    /// The program's version, noted in an index whose tables it makes.
    package var version = "unknown"
    /// The time in seconds since 1970, for rows and the age of files.
    package var now: @Sendable () -> Int64

    package init(
        directory: String,
        retry: RetryPolicy = RetryPolicy(),
        logger: Logger = Logger(label: "cache"),
        clock: any Clock<Duration> = ContinuousClock(),
        lockTimeout: Duration = .seconds(60),
        minimumFree: Int64? = nil,
        mayBeReadOnly: Bool = false,
        now: @escaping @Sendable () -> Int64 = CacheConfiguration.systemTime
    ) {
        self.directory = directory
        self.retry = retry
        self.logger = logger
        self.clock = clock
        self.lockTimeout = lockTimeout
        self.minimumFree = minimumFree
        self.mayBeReadOnly = mayBeReadOnly
        pulse = ContinuousClock()
        collection = { _ in CollectionOptions() }
        self.now = now
    }
}
