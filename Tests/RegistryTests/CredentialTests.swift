import Glibc
import OCI
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct CredentialTests {
    @Test(
        "The variable's name is the host in upper case with underscores",
        arguments: [
            ("registry:5000", "IMGLIFE_REGISTRY_5000"), ("registry.example.com", "IMGLIFE_REGISTRY_EXAMPLE_COM"),
            ("my-registry.io", "IMGLIFE_MY_REGISTRY_IO"), ("127.0.0.1:5000", "IMGLIFE_127_0_0_1_5000"),
            ("[::1]:5000", "IMGLIFE____1__5000"),
            ("docker.io", "IMGLIFE_DOCKER_IO"),
        ]
    )
    func normalizesHosts(host: String, expected: String) {
        #expect(EnvironmentCredentials.prefix(host) == expected)
    }

    @Test("A half-set pair is an error that lists every one of them")
    func refusesHalfSetPairs() {
        let environment = [
            "IMGLIFE_A_USERNAME": "u", "IMGLIFE_B_PASSWORD": "hunter2", "IMGLIFE_C_TOKEN": "t",
            "IMGLIFE_d_PASSWORD": "x",
        ]
        #expect {
            _ = try CredentialStore(environment: environment, home: nil)
        } throws: { error in
            "\(error)" == "IMGLIFE_A_USERNAME is set, but IMGLIFE_A_PASSWORD is not: set both or neither; "
                + "IMGLIFE_B_PASSWORD is set, but IMGLIFE_B_USERNAME is not: set both or neither"
        }
    }

    private func found(
        _ environment: [String: String],
        config: String? = nil,
        _ reference: String = "registry.example.com/team/app"
    ) async throws -> String? {
        try await TemporaryDirectory.with { directory in
            var environment = environment
            if let config {
                try Files.write(config, to: "\(directory)/config.json")
                environment["DOCKER_CONFIG"] = directory
            }
            let store = try CredentialStore(environment: environment, home: "\(directory)/home")
            let location = try RepositoryReference(reference)
            guard let credential = try await store.credential(for: location) else { return nil }
            switch credential.kind {
            case .basic(let user, let password): return "\(user):\(password.revealed)"
            case .bearer(let token): return "bearer \(token.revealed)"
            case .identity(let token): return "identity \(token.revealed)"
            }
        }
    }

    @Test("Our own variables come first, then the job's token, then files, then nobody")
    func keepsTheOrder() async throws {
        let config = #"{"auths": {"registry.example.com": {"username": "file", "password": "p"}}}"#
        let pair = ["IMGLIFE_REGISTRY_EXAMPLE_COM_USERNAME": "u", "IMGLIFE_REGISTRY_EXAMPLE_COM_PASSWORD": "p"]
        let job = ["CI_JOB_TOKEN": "j", "CI_REGISTRY": "registry.example.com"]
        #expect(try await found(pair.merging(job) { $1 }, config: config) == "u:p")
        #expect(try await found(["IMGLIFE_REGISTRY_EXAMPLE_COM_TOKEN": "t"], config: config) == "bearer t")
        #expect(try await found(job, config: config) == "gitlab-ci-token:j")
        #expect(try await found(["CI_JOB_TOKEN": "j", "CI_REGISTRY": "other"], config: config) == "file:p")
        #expect(try await found([:]) == nil)
        #expect(try await found(["IMGLIFE_DOCKER_IO_TOKEN": "h"], "alpine") == "bearer h")
        #expect(try await found(["IMGLIFE_INDEX_DOCKER_IO_TOKEN": "h"], "alpine") == "bearer h")
    }

    @Test("A token beside a user's name is that user's password, unless there is one")
    func tokensOfUsers() async throws {
        let prefix = "IMGLIFE_REGISTRY_EXAMPLE_COM"
        var environment = ["\(prefix)_USERNAME": "u", "\(prefix)_TOKEN": "t"]
        #expect(try await found(environment) == "u:t")
        environment["\(prefix)_PASSWORD"] = "p"
        #expect(try await found(environment) == "u:p")
    }

    @Test(
        "docker's configuration is understood in all its forms",
        arguments: [
            (#"{"auths": {"https://registry.example.com/v2/": {"auth": "dTpwOnE="}}}"#, "u:p:q"),
            (
                #"{"auths": {"registry.example.com": {"auth": "YTph"}, "registry.example.com/team": {"auth": "Yjpi"}}}"#,
                "b:b"
            ),
            (#"{"auths": {"registry.example.com/tea": {"auth": "YTph"}}}"#, nil),
            (#"{"auths": {"registry.example.com": {"auth": "YTph", "identitytoken": "id"}}}"#, "identity id"),
            (#"{"auths": {"registry.example.com": {"registrytoken": "r"}}}"#, "bearer r"),
            (#"{"auths": {"registry.example.com": {}}}"#, nil), ("{}", nil),
            // What `:` is, with nobody's name before it and nothing behind.
            (#"{"auths": {"registry.example.com": {"auth": "Og=="}}}"#, nil),
            (#"{"auths": {"registry.example.com": {"auth": "Ogo="}}}"#, nil),
            (#"{"auths": {"registry.example.com": {"auth": "OnA="}}}"#, ":p"),
        ] as [(String, String?)]
    )
    func readsDockerConfiguration(config: String, expected: String?) async throws {
        #expect(try await found([:], config: config) == expected)
    }

    @Test("Docker Hub's legacy key counts for all its names")
    func readsHubKey() async throws {
        let config = #"{"auths": {"https://index.docker.io/v1/": {"auth": "aDpw"}}}"#
        #expect(try await found([:], config: config, "alpine") == "h:p")
    }

    @Test("A configuration that cannot be read is an error, not nobody")
    func refusesBrokenFiles() async throws {
        await #expect(throws: CredentialError.self) { try await found([:], config: "{") }
        await #expect(throws: CredentialError.self) {
            try await found([:], config: #"{"auths": {"registry.example.com": {"auth": "%%%"}}}"#)
        }
        await #expect(throws: CredentialError.self) { try await found(["REGISTRY_AUTH_FILE": "/nonexistent"]) }
    }

    @Test("Only a file that the system calls absent is, and of another it is told what the system says")
    func unreadableFiles() async throws {
        try await TemporaryDirectory.with { directory in
            for name in ["loop", "config.json"] { try #require(symlink(name, "\(directory)/\(name)") == 0) }
            try Files.makeDirectory("\(directory)/folder/config.json")
            for (variable, value, reason) in [
                ("REGISTRY_AUTH_FILE", "loop", "Too many levels"), ("REGISTRY_AUTH_FILE", "loop/x", "Too many levels"),
                ("DOCKER_CONFIG", "", "Too many levels"), ("DOCKER_CONFIG", "folder", "Is a directory"),
            ] {
                let error = await #expect(throws: CredentialError.self) {
                    try await found([variable: "\(directory)/\(value)"])
                }
                let text = "\(try #require(error))"
                #expect(text.contains("cannot be read: \(reason)"), "\(text)")
            }
            for absent in ["none", "folder/config.json/none"] {
                #expect(try await found(["DOCKER_CONFIG": "\(directory)/\(absent)"]) == nil)
            }
        }
    }

    private func ask(
        _ script: String,
        name: String = "fake",
        config: String? = nil,
        _ reference: String = "registry.example.com/team/app"
    ) async throws -> String? {
        try await TemporaryDirectory.with { directory in
            for name in ["fake", "desktop.exe"] {
                try Files.write("#!/bin/sh\n\(script)\n", to: "\(directory)/docker-credential-\(name)")
                try await Tool.check("chmod", ["+x", "\(directory)/docker-credential-\(name)"])
            }
            let environment = [
                "PATH": "\(directory):/usr/bin:/bin", "OUT": "\(directory)/out", "IMGLIFE_OTHER_TOKEN": "c4nary",
                "CI_JOB_TOKEN": "c4nary", "": "no name", "A=B": "no name", "3SCALE_ENV": "no name of POSIX",
            ]
            let config = config ?? #"{"credHelpers": {"registry.example.com": "\#(name)"}}"#
            return try await found(environment, config: config, reference)
        }
    }

    @Test("A credential program is given the server's name and no secrets of ours")
    func asksPrograms() async throws {
        let script = #"""
            read server; env | grep -q c4nary && exit 1
            echo "{\"ServerURL\":\"$server\",\"Username\":\"u-$server\",\"Secret\":\"s\"}"
            """#
        #expect(try await ask(script) == "u-registry.example.com:s")
        #expect(try await ask(script, config: #"{"credsStore": "fake"}"#) == "u-registry.example.com:s")
        // As Docker Desktop writes it for WSL.
        #expect(try await ask(script, config: #"{"credsStore": "desktop.exe"}"#) == "u-registry.example.com:s")
        // As docker calls Docker Hub, whatever the file does.
        for config in [#"{"credsStore": "fake"}"#, #"{"credHelpers": {"docker.io": "fake"}}"#] {
            #expect(try await ask(script, config: config, "alpine") == "u-https://index.docker.io/v1/:s")
        }
        #expect(try await ask(#"echo '{"Username":"<token>","Secret":"i"}'"#) == "identity i")
        #expect(try await ask(#"echo '{"Username":"<token>","Secret":""}'"#) == nil)
        #expect(try await ask("echo 'credentials not found in native keychain'; exit 1") == nil)
    }

    @Test(
        "A credential program that fails is an error that names it",
        arguments: [
            ("exit 1", "fake", "failed"), ("echo nonsense", "fake", "something else"),
            ("head -c 100000 /dev/zero", "fake", "more than 65536 bytes"), ("true", "missing", "not found in PATH"),
            ("true", "../fake", "not the name"),
        ]
    )
    func reportsPrograms(script: String, name: String, expected: String) async throws {
        await #expect {
            _ = try await ask(script, name: name)
        } throws: { error in
            error is CredentialError && "\(error)".contains(expected) && "\(error)".contains(name)
        }
    }

    @Test(
        "A program that fails is quoted without what it has answered, in whatever form",
        arguments: [
            (#"echo 'WARN: old'; echo '{"Username":"u","Secret":"S3cr3tS3cr3t"}'; exit 1"#, "'registry.example.com'"),
            (#"printf '{"Username":"u","Secret":"S3cr3tS3cr3t"'; exit 1"#, "'registry.example.com'"),
            ("printf S3cr3tS3cr3t; exit 1", "'registry.example.com'"),
            ("echo S3cr3tS3cr3t; echo 'it is S3cr3tS3cr3t' >&2; exit 1", "saying 'it is ***'"),
            (#"echo 'it is {"Secret":"S3cr3tS3cr3t"}' >&2; echo 'no agent' >&2; exit 1"#, "saying 'no agent'"),
            ("echo 'no credentials server URL'; exit 1", "saying 'no credentials server URL'"),
            ("echo 'error: pass not initialized: exit 1'; exit 1", "saying 'pass not initialized'"),
        ]
    )
    func quotesPrograms(script: String, expected: String) async throws {
        await #expect {
            _ = try await ask(script)
        } throws: { error in
            error is CredentialError && "\(error)".hasSuffix(expected) && !"\(error)".contains("S3cr3t")
        }
    }

    @Test("A credential program that fails is not started again for each repository")
    func remembersFailures() async throws {
        try await TemporaryDirectory.with { directory in
            try Files.write(
                "#!/bin/sh\necho >>\(directory)/starts\nexit 1\n",
                to: "\(directory)/docker-credential-fake"
            )
            try await Tool.check("chmod", ["+x", "\(directory)/docker-credential-fake"])
            try Files.write(#"{"credsStore": "fake"}"#, to: "\(directory)/config.json")
            let clock = StandingClock()
            let environment = ["PATH": "\(directory):/usr/bin:/bin", "DOCKER_CONFIG": directory]
            let store = try CredentialStore(environment: environment, home: nil, clock: clock)
            for starts in 1...2 {
                for name in ["a.io/b", "a.io/c", "a.io/d"] {
                    await #expect(throws: CredentialError.self) {
                        try await store.credential(for: RepositoryReference(name))
                    }
                }
                #expect(try Files.text("\(directory)/starts").count == starts)
                clock.time.advance(by: .seconds(61))
            }
        }
    }

    @Test("An empty file says nothing, and an empty program's name that the host's entry is in the file")
    func emptyFiles() async throws {
        for text in ["", " \n"] { #expect(try await found([:], config: text) == nil) }
        let entry = #""auths": {"registry.example.com": {"auth": "dTpw"}}"#
        let none = #""credHelpers": {"registry.example.com": ""}, "credsStore": "missing""#
        #expect(try await found([:], config: "{\(entry), \(none)}") == "u:p")
        #expect(try await found([:], config: "{\(none)}") == nil)
    }

    @Test("A credential program that takes too long is killed with whatever it has begun")
    func killsSlowPrograms() async throws {
        try await TemporaryDirectory.with { directory in
            let script = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >new; mv new child; wait\n"
            try Files.write(
                script.replacing("new", with: "\(directory)/new").replacing("child", with: "\(directory)/child"),
                to: "\(directory)/docker-credential-slow"
            )
            try await Tool.check("chmod", ["+x", "\(directory)/docker-credential-slow"])
            try Files.write(#"{"credsStore": "slow"}"#, to: "\(directory)/config.json")
            let clock = ManualClock()
            let environment = ["PATH": "\(directory):/usr/bin:/bin", "DOCKER_CONFIG": directory]
            let store = try CredentialStore(environment: environment, home: nil, clock: clock)
            async let credential = store.credential(for: RepositoryReference("a.io/b"))
            try await clock.waitForSleepers()
            while access("\(directory)/child", F_OK) != 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            clock.advance(by: .seconds(31))
            do {
                _ = try await credential
                Issue.record("it has answered")
            } catch {
                #expect("\(error)".contains("has not answered within 30 s"))
            }
            let child = try Files.text("\(directory)/child").filter { $0 != "\n" }
            let deadline = ContinuousClock.now + .seconds(20)
            var isRunning = true
            while isRunning, ContinuousClock.now < deadline {
                let status = try? Files.text("/proc/\(child)/stat")
                isRunning = status?.split(separator: ")").last?.hasPrefix(" Z") == false
                await Task.yield()
            }
            #expect(!isRunning)
        }
    }

    @Test("A secret shows itself nowhere")
    func hidesSecrets() {
        let credential = Credential(
            kind: .basic(user: "u", password: Secret("hunter2")),
            source: .continuousIntegration
        )
        var text = "\(credential) \(String(reflecting: credential))"
        dump(credential, to: &text)
        #expect(!text.contains("hunter2"))
        #expect(text.contains("***"))
    }
}

/// Stands still but for what it is moved on: no limit on a program's time passes before the program has ended.
private struct StandingClock: Clock {
    let time = TestClock()

    var now: TestInstant { time.now }
    var minimumResolution: Duration { time.minimumResolution }

    func sleep(until deadline: TestInstant, tolerance: Duration?) async throws {
        try await Watched(false).wait { $0 }
    }
}
