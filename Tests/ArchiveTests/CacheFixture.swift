import Cache
import FoundationEssentials
import GRDB
import Logging
import NIOCore
import OCI
import TestSupport

/// A configuration with which waiting takes no time.
func configuration(_ path: String, attempts: Int = 3, clock: any Clock<Duration> = TestClock()) -> CacheConfiguration {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let retry = RetryPolicy(attempts: attempts)
    var configuration = CacheConfiguration(directory: path, retry: retry, logger: logger, clock: clock)
    configuration.version = "1.2.3"
    return configuration
}

/// Runs a test on a new cache.
func withCache<R>(
    attempts: Int = 3,
    _ body: (ContentCache, _ path: String) async throws -> R
) async throws -> R {
    try await TemporaryDirectory.with { path in
        try await ContentCache.with(configuration("\(path)/cache", attempts: attempts)) { cache in
            try await body(cache, "\(path)/cache")
        }
    }
}

func file(_ digest: Digest, in path: String) -> String {
    "\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
}

func partial(_ digest: Digest, in path: String) -> String {
    "\(path)/ingest/\(digest.algorithm.rawValue)-\(digest.hex)"
}

func contents(_ path: String) throws -> ByteBuffer {
    ByteBuffer(bytes: try Data(contentsOf: URL(filePath: path)))
}

func write(_ bytes: ByteBuffer, to path: String) throws {
    try Data(bytes.readableBytesView).write(to: URL(filePath: path))
}

func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}

/// How many rows a table of the index has, as a program beside the cache sees it.
func count(_ table: String, in path: String) throws -> Int {
    let queue = try DatabaseQueue(path: "\(path)/index.sqlite")
    defer { try? queue.close() }
    return try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } ?? 0
}

extension ByteBuffer {
    mutating func flipByte(at offset: Int) {
        setInteger(~(getInteger(at: offset, as: UInt8.self) ?? 0), at: offset)
    }
}
