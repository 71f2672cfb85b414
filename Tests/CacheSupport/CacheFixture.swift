package import Cache
import FoundationEssentials
import Logging
package import NIOCore
package import OCI
import TestSupport

/// A configuration with which waiting takes no time.
package func configuration(
    _ path: String,
    attempts: Int = 3,
    clock: any Clock<Duration> = TestClock()
) -> CacheConfiguration {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let retry = RetryPolicy(attempts: attempts)
    var configuration = CacheConfiguration(directory: path, retry: retry, logger: logger, clock: clock)
    configuration.version = "1.2.3"
    return configuration
}

/// Runs a test on a new cache.
package func withCache<R>(
    attempts: Int = 3,
    _ body: (ContentCache, _ path: String) async throws -> R
) async throws -> R {
    try await TemporaryDirectory.with { path in
        try await ContentCache.with(configuration("\(path)/cache", attempts: attempts)) { cache in
            try await body(cache, "\(path)/cache")
        }
    }
}

package func file(_ digest: Digest, in path: String) -> String {
    "\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
}

package func partial(_ digest: Digest, in path: String) -> String {
    "\(path)/ingest/\(digest.algorithm.rawValue)-\(digest.hex)"
}

package func contents(_ path: String) throws -> ByteBuffer {
    ByteBuffer(bytes: try Data(contentsOf: URL(filePath: path)))
}

package func write(_ bytes: ByteBuffer, to path: String) throws {
    try Data(bytes.readableBytesView).write(to: URL(filePath: path))
}

package func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}
