import NIOCore
import OCI
import TestSupport
import Testing

/// How soon clients of `imglife serve --pull-through` see what a slow registry sends.
@Suite(.timeLimit(.minutes(10)))
struct PullThroughPaceTests {
    private static let size = 2 << 20
    private static let image = SampleImage.image(layers: [.init(seed: 17, size: size)])
    private static var layer: SampleImage.Part { image.blobs[1] }

    @Test("A head is sent when the upstream has sent its own, and each piece before the upstream sends the next")
    func trickle() async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(Self.image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                try await ServingProgram.with(workspace, ["--pull-through"]) { server in
                    let path = "/v2/\(upstream.host.name)_\(upstream.host.port ?? 0)/up/app/"
                    _ = try await server.client.get("\(path)manifests/1")
                    let valve = Valve(bytes: 0)
                    upstream.script(.init("GET", .blob(Self.layer.descriptor.digest), times: nil), .trickle(valve))
                    try await RawConnection.with(to: server.host) { connection in
                        connection.send(server.client.head("GET", "\(path)blobs/\(Self.layer.descriptor.digest)", [:]))
                        var sent = 0
                        for piece in [0, 10, 5000, 1, 70_000, 300_000, 3, 1_000_000] {
                            sent += piece
                            valve.release(bytes: piece)
                            let (expected, seen) = (
                                sent, try await connection.wait { [sent] in ($0.body ?? -1) >= sent }
                            )
                            #expect(seen.body == expected)
                        }
                        valve.open()
                        let answer = RawAnswer(try await connection.waitForEnd())
                        #expect(answer.status == 200 && answer.body == Self.layer.source.buffer)
                    }
                }
            }
        }
    }
}

extension RawConnection.Received {
    /// How much of the only answer's body is here; `nil` while its head is not.
    fileprivate var body: Int? {
        let text = bytes.readableBytesView
        let end = Array("\r\n\r\n".utf8)
        guard let start = text.indices.first(where: { text[$0...].starts(with: end) }) else { return nil }
        return text.endIndex - start - end.count
    }
}
