import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// Files whose bytes the system has to fetch from the disk while a client takes its time.
@Suite(.timeLimit(.minutes(10)))
struct ColdFileTests {
    private static let size = 2 << 20 | 98 << 10
    private static let image = SampleImage.image(layers: [.init(seed: 7, size: size)])
    private static let images = [("docker.io/library/app:1", image)]
    private static var layer: SampleImage.Part { image.blobs[1] }
    private static var uri: String { "/v2/app/blobs/\(layer.descriptor.digest)" }

    /// Has the system forget a part of a file.
    static func cool(_ path: String, from offset: Int, count: Int) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        try #require(fsync(file) == 0 && posix_fadvise(file, off_t(offset), off_t(count), POSIX_FADV_DONTNEED) == 0)
    }

    /// Asks with a small window, takes nothing until the server has filled what the system takes, then all of it.
    private func pull(from served: ServedCache, pause: () throws -> Void) async throws -> RawAnswer {
        // The answer before may still be leaving.
        while served.metrics.streams > 0 { try await ContinuousClock().sleep(for: .milliseconds(2)) }
        let request = "GET \(Self.uri) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        return try await RawConnection.with(to: served.host, greeting: request, pauses: true) {
            connection async throws in
            while served.metrics.streams == 0 { try await ContinuousClock().sleep(for: .milliseconds(2)) }
            try pause()
            try await connection.resume()
            return RawAnswer(try await connection.waitForEnd())
        }
    }

    @Test(
        "A client that pauses gets all of a blob whose end the system has to read from the disk",
        .timeLimit(.minutes(10)),
        arguments: [60 << 10, 98 << 10, 700 << 10, 2 << 20]
    )
    func coldTail(count: Int) async throws {
        try await ServedCache.with(Self.images) { served async throws in
            let file = served.file(Self.layer.descriptor.digest)
            #expect(try await served.get(Self.uri).body == Self.layer.source.buffer)
            for _ in 0..<12 {
                try Self.cool(file, from: Self.size - count, count: count)
                let answer = try await pull(from: served) {}
                #expect(answer.body.readableBytes == Self.size)
                #expect(answer.body == Self.layer.source.buffer)
            }
        }
    }

    @Test("A file that becomes shorter while it is sent ends the answer at once", .timeLimit(.minutes(10)))
    func shrinks() async throws {
        var limits = ConnectionLimits.patient
        limits.progress = .seconds(300)
        try await ServedCache.with(Self.images, limits: limits) { served async throws in
            let file = served.file(Self.layer.descriptor.digest)
            _ = try await served.get(Self.uri)
            let answer = try await pull(from: served) {
                try #require(chmod(file, 0o600) == 0 && truncate(file, 1_000_000) == 0)
            }
            #expect(answer.status == 200)
            #expect(answer.body.readableBytes < Self.size)
        }
    }
}
