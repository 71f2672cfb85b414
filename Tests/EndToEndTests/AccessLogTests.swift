import FoundationEssentials
import OCI
import TestSupport
import Testing

/// What `imglife serve` writes of each request.
@Suite(.timeLimit(.minutes(10)))
struct AccessLogTests {
    private static let count = 400

    /// A line of the log, in JSON.
    private struct Line: Decodable {
        let level: String
        let message: String
        let path: String?
        let status: String?
        let method: String?
    }

    /// Sends many requests over one connection, then stops the program in order.
    ///
    /// - Returns: the lines of its log.
    private static func log(_ format: String) async throws -> [String] {
        try await Workspace.with { workspace async throws in
            let arguments = ["--cache-dir", "cache", "--log-format", format]
            let server = try await ServingProgram.with(workspace, arguments) { server async throws in
                let requests = (0..<count).map { "GET /v2/x/\($0)?secret=1 HTTP/1.1\r\nHost: a\r\n" }
                let text = requests.joined(separator: "\r\n") + "Connection: close\r\n\r\n"
                try await RawConnection.with(to: server.host) { connection async throws in
                    connection.send(text)
                    _ = try await connection.waitForEnd()
                }
                return server
            }
            return server.log
        }
    }

    @Test("Each request is one whole line of text, in its order, and none is missing when the program has stopped")
    func text() async throws {
        let lines = try await Self.log("text")
        let answered = lines.filter { $0.contains(" INFO answered ") }
        #expect(answered.count == Self.count)
        for (number, line) in answered.enumerated() {
            #expect(line.contains(" method=GET ms=") && line.hasSuffix(" path=/v2/x/\(number) status=404"), "\(line)")
        }
        #expect(lines.last?.contains(" NOTICE stopped") == true)
    }

    @Test("Each request is one whole line of JSON, in its order, and none is missing when the program has stopped")
    func json() async throws {
        let lines = try await Self.log("json").map { line in
            try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        }
        let answered = lines.filter { $0.message == "answered" }
        #expect(answered.map(\.path) == (0..<Self.count).map { "/v2/x/\($0)" })
        #expect(answered.allSatisfy { $0.status == "404" && $0.method == "GET" && $0.level == "info" })
        #expect(lines.last?.message == "stopped")
    }

    @Test("An address that others can reach is warned about, this machine's own is not")
    func strangers() async throws {
        try await Workspace.with { workspace async throws in
            for (address, count) in [("127.0.0.1:0", 0), ("0.0.0.0:0", 2)] {
                let arguments = ["--cache-dir", "cache", "--listen", address]
                let log = try await ServingProgram.with(workspace, arguments) { $0.log }
                #expect(log.filter { $0.contains(" WARNING ") }.count == count, "\(log)")
            }
        }
    }

    @Test(
        "Without the free space that is asked for a server that would store is not ready, but serves; others are ready"
    )
    func readiness() async throws {
        try await Workspace.with { workspace async throws in
            try workspace.configure(
                Entry("docker.io/library/app", to: "127.0.0.1:1/down", Entry.all),
                head: "cache: {min_free: 100000GiB}\n"
            )
            for (arguments, status) in [(["--pull-through"], 503), ([], 200)] {
                try await ServingProgram.with(workspace, arguments) { server async throws in
                    let answer = try await server.client.get("/readyz")
                    #expect(answer.status == status)
                    #expect(!answer.text.contains("min_free"))
                    #expect(try await server.client.get("/healthz").status == 200)
                    #expect(try await server.client.get("/v2/").status == 200)
                }
            }
        }
    }
}
