import NIOCore
import OCI
import Serve
import TestSupport
import Testing

/// Who is let in: passwords and TLS.
@Suite(.timeLimit(.minutes(10)))
struct AccessTests {
    private static let image = SampleImage.image(layers: [.init(seed: 1, size: 3_000_000)])
    private static let images = [("docker.io/library/app:1", image)]
    @Test(
        "A password file with anything but bcrypt hashes is refused, with its line and without the hash",
        arguments: [
            ("alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "line 1"), ("# x\nalice:$apr1$aa$bbbbbbbb", "line 2"),
            ("alice:plain", "line 1"), ("alice", "line 1"), (":$2y$04$" + String(repeating: "a", count: 53), "line 1"),
            ("", "names no user"), ("# nobody\n", "names no user"), ("a:$2y$04$short", "line 1"),
            ("a:$2y$31$" + String(repeating: "a", count: 53), "line 1"),
            ("a:$2y$04$\(String(repeating: "a", count: 53))\na:$2y$04$\(String(repeating: "a", count: 53))", "line 2"),
        ]
    )
    func badFiles(text: String, reason: String) {
        let error = #expect(throws: PasswordFileError.self) { try PasswordFile(text, file: "users") }
        #expect("\(error.map { "\($0)" } ?? "")".contains(reason))
        #expect("\(error.map { "\($0)" } ?? "")".contains("bbbb") == false)
    }

    @Test(
        "Line ends and the mark of other systems' editors change nothing",
        arguments: ["\n", "\r\n"],
        ["", "\u{FEFF}"]
    )
    func lineEnds(end: String, mark: String) throws {
        let hash = "$2y$04$" + String(repeating: "a", count: 53)
        let file = try PasswordFile(
            mark + ["a:\(hash)", "# nobody", "b:\(hash)", ""].joined(separator: end),
            file: "users"
        )
        #expect(try file == PasswordFile("a:\(hash)\nb:\(hash)", file: "users"))
    }

    @Test(
        "Only who is in the password file may pull; health is told to everybody",
        .requires(.tool("htpasswd"))
    )
    func basic() async throws {
        try await TemporaryDirectory.with { path async throws in
            let file = "\(path)/users"
            try await Tool.check("htpasswd", ["-cbBC", "4", file, "alice", "se:cret"])
            try await Tool.check("htpasswd", ["-bBC", "4", file, "bob", "pässword"])
            try await ServedCache.with(Self.images, configuration: .test(passwordFile: file)) { served async throws in
                for uri in ["/v2/", "/v2/_catalog", "/v2/app/tags/list", "/v2/app/manifests/1", "/metrics", "/nope"] {
                    let answer = try await served.get(uri)
                    #expect(answer.status == 401 && answer.text.contains("UNAUTHORIZED"), "\(uri)")
                    #expect(answer.headers["WWW-Authenticate"]?.hasPrefix("Basic realm=\"imglife\"") == true)
                }
                for uri in ["/healthz", "/readyz"] { #expect(try await served.get(uri).status == 200) }
                for good in ["alice:se:cret", "bob:pässword", "alice:se:cret"] {
                    #expect(try await served.client(credentials: good).get("/v2/app/manifests/1").status == 200)
                }
                for bad in [
                    "alice:secret", "alice:", "alice:se:cret ", "Alice:se:cret", "mallory:se:cret", ":", "bob:se:cret",
                    "alice:se:cret\0",
                ] {
                    #expect(
                        try await served.client(credentials: bad).get("/v2/app/manifests/1").status == 401,
                        "\(bad)"
                    )
                }
                for field in ["Basic", "Basic !!", "Bearer x", "basic YWxpY2U=", String(repeating: "x", count: 9000)] {
                    #expect(try await served.get("/v2/", ["Authorization": field]).status == 401, "\(field.prefix(30))")
                }
            }
        }
    }

    @Test(
        "A password file that is read again counts at once; one that is broken changes nothing",
        .requires(.tool("htpasswd"))
    )
    func reload() async throws {
        try await TemporaryDirectory.with { path async throws in
            let file = "\(path)/users"
            try await Tool.check("htpasswd", ["-cbBC", "4", file, "alice", "one"])
            try await ServedCache.with(configuration: .test(passwordFile: file)) { served async throws in
                let status = { (credentials: String) async throws in
                    try await served.client(credentials: credentials).get("/v2/").status
                }
                #expect(try await status("alice:one") == 200)
                try await Tool.check("htpasswd", ["-cbBC", "4", file, "alice", "two"])
                await served.server.reload()
                #expect(try await status("alice:one") == 401)
                #expect(try await status("alice:two") == 200)
                try Files.write("alice", to: file)
                await served.server.reload()
                #expect(try await status("alice:two") == 200)
                #expect(served.log.text.contains("line 1"))
            }
        }
    }

    @Test(
        "Passwords and certificate are taken each by itself: what cannot be used is told, and keeps nothing else back",
        .requires(.tool("htpasswd"), .tool("openssl"))
    )
    func reloadsApart() async throws {
        let certificates = try await TestCertificates.shared()
        try await TemporaryDirectory.with { path async throws in
            let (users, files) = ("\(path)/users", TLSFiles(certificate: "\(path)/a.pem", key: "\(path)/a.key"))
            let place = { (server: TestCertificates.Server) in
                try Files.write(Files.text(server.certificateFile), to: files.certificate)
                try Files.write(Files.text(server.keyFile), to: files.key)
            }
            try place(certificates.wrongHost)
            try await Tool.check("htpasswd", ["-cbBC", "4", users, "alice", "one"])
            try await ServedCache.with(configuration: .test(tls: files, passwordFile: users)) { served async throws in
                let status = { (password: String) async throws in
                    let client = try served.client(
                        authorityFile: certificates.authorityFile,
                        credentials: "alice:\(password)"
                    )
                    return try await client.get("/v2/").status
                }
                try Files.write("alice", to: users)
                try place(certificates.server)
                await served.server.reload()
                #expect(try await status("one") == 200)
                #expect(served.log.text.contains("\(users), line 1") && !served.log.text.contains("a.pem"))
                try Files.write("no certificate", to: files.certificate)
                try await Tool.check("htpasswd", ["-cbBC", "4", users, "alice", "two"])
                await served.server.reload()
                #expect(try await status("one") == 401)
                #expect(try await status("two") == 200)
                #expect(served.log.text.contains("\(files.certificate) holds no certificate"))
            }
        }
    }

    @Test("Blobs pass whole through TLS, and old versions of it are refused", .requires(.tool("openssl")))
    func tls() async throws {
        let certificates = try await TestCertificates.shared()
        let files = TLSFiles(certificate: certificates.server.certificateFile, key: certificates.server.keyFile)
        try await ServedCache.with(Self.images, configuration: .test(tls: files)) { served async throws in
            let client = try served.client(authorityFile: certificates.authorityFile)
            let part = Self.image.blobs[1]
            for _ in 0..<2 {
                let answer = try await client.get("/v2/app/blobs/\(part.descriptor.digest)")
                #expect(answer.body == part.source.buffer)
            }
            let old = try await Tool.run("openssl", ["s_client", "-connect", "\(try served.host)", "-tls1_1"])
            #expect(old.status != 0)
            #expect(
                RawAnswer(
                    try await RawConnection.with(to: served.host) { connection async throws in
                        connection.send("GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
                        return try await connection.waitForEnd()
                    }
                ).status == 0
            )
        }
    }

    @Test(
        "A client that ends its side of a TLS connection gets its answer, with and without TLS's farewell",
        .requires(.tool("openssl")),
        arguments: [true, false]
    )
    func halfClosed(isOrderly: Bool) async throws {
        let certificates = try await TestCertificates.shared()
        let files = TLSFiles(certificate: certificates.server.certificateFile, key: certificates.server.keyFile)
        let image = SampleImage.image(layers: [.init(seed: 9, size: 30_000_000)])
        try await ServedCache.with([("docker.io/library/app:1", image)], configuration: .test(tls: files)) {
            served async throws in
            let received = try await RawConnection.with(
                to: served.host,
                authorityFile: certificates.authorityFile,
                greeting: "GET /v2/app/blobs/\(image.blobs[1].descriptor.digest) HTTP/1.1\r\nHost: a\r\n\r\n"
            ) { connection async throws in
                // Their hands are shaken, and the answer is under way.
                try await connection.wait { $0.bytes.readableBytes > 0 }
                if isOrderly { connection.sendEnd() } else { try await connection.sendBareEnd() }
                return try await connection.waitForEnd()
            }
            #expect(received.bytes.readableBytes > 30_000_000)
        }
    }

    @Test("A certificate that cannot be used is told with its file")
    func badCertificate() async throws {
        let files = TLSFiles(certificate: "/nowhere/cert.pem", key: "/nowhere/key.pem")
        let error = await #expect(throws: ServerError.self) {
            try await ServedCache.with(configuration: .test(tls: files)) { _ async throws in }
        }
        #expect(error?.description.contains("/nowhere/cert.pem") == true)
    }

    @Test("An address that is in use is told")
    func usedAddress() async throws {
        try await ServedCache.with { served async throws in
            let address = try #require(ListenAddress(served.server.address))
            let error = await #expect(throws: ServerError.self) {
                try await ServedCache.with(configuration: .test(listen: address)) { _ async throws in }
            }
            #expect(error?.description.contains("--listen") == true)
        }
    }

    @Test("The metrics have a listener of their own where one is asked for, which tells nothing else")
    func metricsListener() async throws {
        try await ServedCache.with(Self.images, configuration: .test(metricsListen: .anyPort)) { served async throws in
            #expect(try await served.get("/metrics").status == 404)
            #expect(try await served.get("/v2/app/manifests/1").status == 200)
            let address = try #require(served.server.metricsAddress)
            let metrics = RawClient(try RegistryHost(address))
            let text = try await metrics.get("/metrics").text
            #expect(text.contains("imglife_serve_requests_total{route=\"manifest\",status=\"200\"} 1\n"))
            #expect(text.contains("imglife_serve_connections "))
            #expect(try await metrics.get("/v2/app/manifests/1").status == 404)
            #expect(try await metrics.get("/healthz").status == 200)
        }
    }

    @Test("A server that is not ready says so, and nothing more")
    func readiness() async throws {
        let status = StatusSource(readiness: { "the disk is on fire" })
        try await ServedCache.with(status: status) { served async throws in
            let answer = try await served.get("/readyz")
            #expect(answer.status == 503 && !answer.text.contains("fire"))
            #expect(served.log.text.contains("fire"))
        }
    }
}
