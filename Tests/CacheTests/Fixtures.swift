import Cache
import FoundationEssentials
import Logging
import NIOCore
import OCI
import TestSupport

/// Bytes that look random and are always the same.
func bytes(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    ByteSource.random(seed: seed, count: count).buffer
}

func blob(_ bytes: ByteBuffer) -> Descriptor {
    Descriptor(mediaType: .octetStream, bytes: bytes)
}

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

extension CachedBlob {
    /// Reads it whole.
    func all() async throws -> ByteBuffer {
        var result = ByteBuffer()
        while true {
            var piece = try await read(at: Int64(result.readableBytes), atMost: 100_000)
            guard piece.readableBytes > 0 else { return result }
            result.writeBuffer(&piece)
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

func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
}

func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}
