import OCI
import TestSupport
import Testing

@testable import Registry

/// What a registry that has taken a manifest, or refused it, has of it then.
@Suite(.timeLimit(.minutes(10)))
struct StoredManifestTests {
    private static let image = SampleImage.image()
    private static let other = SampleImage.image(labels: ["other": "1"])
    private static let silent = Action.header("Docker-Content-Digest", nil)

    /// What storing the image's manifest under a tag comes to at a registry with a script.
    private func store(
        clock: TestClock = TestClock(),
        _ script: (ScriptedRegistry) -> Void
    ) async throws -> (outcome: Result<ManifestOutcome, any Error>, methods: [String]) {
        let manifest = try Manifest(bytes: Self.image.topBytes, contentType: Self.image.top.mediaType)
        return try await ScriptedRegistry.with { registry in
            registry.load(Self.image, repository: "library/app")
            script(registry)
            let outcome: Result<ManifestOutcome, any Error>
            do {
                outcome = .success(
                    try await withClient(clock: clock) { try await $0.push(registry).store(manifest, as: "v1") }
                )
            } catch { outcome = .failure(error) }
            return (outcome, registry.requests.map(\.method))
        }
    }

    @Test("Where the answer names the digest nothing more is asked, else once", arguments: [true, false])
    func asked(isNamed: Bool) async throws {
        let (outcome, methods) = try await store { registry in
            if !isNamed { registry.script(RequestMatch("PUT", .manifests), Self.silent) }
        }
        #expect(try outcome.get() == .stored(isListed: false))
        #expect(methods == (isNamed ? ["PUT"] : ["PUT", "HEAD"]))
    }

    @Test("What is not shown yet is waited for")
    func lag() async throws {
        let clock = TestClock()
        let (outcome, methods) = try await store(clock: clock) { registry in
            registry.script(RequestMatch("PUT", .manifests), Self.silent)
            for method in ["HEAD", "GET"] { registry.script(RequestMatch(method, .manifests, times: 2), .status(404)) }
        }
        #expect(try outcome.get() == .stored(isListed: false))
        // Each time that nothing is shown it is asked whether anything is.
        #expect(methods == ["PUT", "HEAD", "GET", "HEAD", "HEAD", "GET", "HEAD", "HEAD"])
        #expect(clock.sleeps == [.milliseconds(500), .seconds(1)])
    }

    @Test(
        "Who has taken a blob there, or shown it, and knows no such name a moment later is asked again",
        arguments: [0, 1, 2, 3]
    )
    func unknownName(blobs: Int) async throws {
        let manifest = try Manifest(bytes: Self.image.topBytes, contentType: Self.image.top.mediaType)
        let clock = TestClock()
        try await ScriptedRegistry.with { registry async throws in
            for name in ["library/app", "library/other"] as [RepositoryName] {
                registry.load(Self.image, repository: name)
            }
            registry.script(RequestMatch("PUT", .manifests, times: 2), .error(404, "NAME_UNKNOWN"))
            let outcome: ManifestOutcome? = try await withClient(clock: clock) { client in
                let repository = client.push(registry)
                let blob = SampleReader(Self.image.blobs[0].source)
                // Two: it is taken over from the other; three: it is there.
                switch blobs {
                case 0: break
                case 3: #expect(try await repository.contains(blob.descriptor))
                default: _ = try await repository.store(blob, mountFrom: blobs == 2 ? "library/other" : nil)
                }
                return try? await repository.store(manifest, as: "v1")
            }
            #expect(outcome == (blobs > 0 ? .stored(isListed: false) : nil))
            #expect(clock.sleeps == (blobs > 0 ? [.milliseconds(500), .seconds(1)] : []))
        }
    }

    @Test(
        "A registry that takes a manifest and shows another, or nothing, has not stored it",
        arguments: [true, false]
    )
    func replaced(isThere: Bool) async throws {
        let (outcome, methods) = try await store { registry in
            if isThere { registry.load(Self.other, repository: "library/app", tag: "v1") }
            registry.script(RequestMatch("PUT", .manifests), .status(201))
        }
        #expect(throws: RegistryError.self) { try outcome.get() }
        let text = "\(outcome)"
        #expect(text.contains("but \(isThere ? "\(Self.other.digest)" : "nothing") stands under v1"), "\(text)")
        #expect(methods.count { $0 == "PUT" } == 1)
    }

    @Test("That a registry refuses to show what it has taken is no failure", arguments: [401, 403, 405, 412])
    func untold(status: Int) async throws {
        let (outcome, _) = try await store { registry in
            registry.script(RequestMatch("PUT", .manifests), Self.silent)
            for method in ["HEAD", "GET"] {
                registry.script(RequestMatch(method, .manifests, times: nil), .status(status))
            }
        }
        #expect(try outcome.get() == .stored(isListed: false))
    }

    @Test(
        "What was taken and cannot be seen because the registry gives no answer of use is not called stored",
        arguments: [200, 204, 500, 502, 503]
    )
    func unconfirmed(status: Int) async throws {
        let (outcome, methods) = try await store { registry in
            registry.script(RequestMatch("PUT", .manifests), Self.silent)
            for method in ["HEAD", "GET"] {
                registry.script(RequestMatch(method, .manifests, times: nil), .status(status, body: "hello"))
            }
        }
        #expect { try outcome.get() } throws: { error in
            (error as? RegistryError)?.isUnconfirmed == true
                && "\(error)".contains("it was taken, but whether it is there cannot be told")
        }
        #expect(methods.count { $0 == "PUT" } == 1)
    }

    @Test("That who may only push is told of everything that it is not there is no failure either")
    func pushOnly() async throws {
        let (outcome, _) = try await store { registry in
            registry.script(RequestMatch("PUT", .manifests), Self.silent)
            for method in ["HEAD", "GET"] { registry.script(RequestMatch(method, .any, times: nil), .status(404)) }
        }
        #expect(try outcome.get() == .stored(isListed: false))
    }

    @Test(
        "Who lists other tags would list what was taken: it lacks something then",
        arguments: [[], ["other"], ["other", "v1"]] as [[TagName]]
    )
    func unlisted(tags: [TagName]) async throws {
        let (outcome, _) = try await store { registry in
            for tag in tags { registry.store.tag(tag, Self.image.digest, in: "library/app") }
            registry.script(RequestMatch("PUT", .manifests), .status(201))
            for method in ["HEAD", "GET"] {
                registry.script(RequestMatch(method, .manifests, times: nil), .status(404))
                registry.script(RequestMatch(method, .blobs, times: nil), .status(404))
            }
        }
        guard tags == ["other"] else {
            #expect(try outcome.get() == .stored(isListed: false))
            return
        }
        #expect { try outcome.get() } throws: { error in
            guard let error = error as? RegistryError else { return false }
            #expect("\(error)".contains("nothing stands under v1"))
            return error.isUnconfirmed && error.missingContent.count == 1
        }
    }

    @Test("What was stored behind a gateway's refusal is seen also where HEAD knows nothing, and was not there before")
    func behindGateway() async throws {
        for status in [504, 412] {
            let (outcome, methods) = try await store { registry in
                registry.script(RequestMatch("HEAD", .manifests, times: nil), .status(404))
                registry.script(RequestMatch("PUT", .manifests), .edit { $0 = Reply(504) })
                registry.script(RequestMatch("PUT", .manifests, times: nil), .reply(Reply(status)))
                guard status == 412 else { return }
                registry.script(RequestMatch("GET", .manifests), .status(404))
            }
            #expect(try outcome.get() == .stored(isListed: nil))
            #expect(methods.count { $0 == "PUT" } == (status == 412 ? 2 : 1))
        }
    }

    @Test("What was stored and is answered too late is found, and not sent again")
    func late() async throws {
        let (gate, clock, log) = (Gate(), ManualClock(), LogRecorder())
        let manifest = try Manifest(bytes: Self.image.topBytes, contentType: Self.image.top.mediaType)
        try await ScriptedRegistry.with { registry in
            registry.load(Self.image, repository: "library/app")
            registry.script(RequestMatch("PUT", .manifests), .holdHead(gate))
            try await withClient(timeoutClock: clock, log: log) { client in
                async let outcome = client.push(registry).store(manifest, as: "v1")
                try await gate.waitForArrivals()
                while !log.text.contains("none: given up") {
                    clock.advance(by: .seconds(20))
                    for _ in 0..<100 { await Task.yield() }
                }
                #expect(try await outcome == .stored(isListed: nil))
            }
            gate.open()
            #expect(registry.requests.map(\.method) == ["PUT", "HEAD"])
        }
    }

    @Test(
        "A manifest that is refused by a rule is not tried again, in whatever words, and lacks nothing",
        arguments: [
            (#"cannot update tag "v1". The repository has enabled tag immutability"#, true),
            ("tag v1 is immutable and cannot be overwritten", true), ("the tag is locked", true),
            ("unsupported media type application/x", true), ("pushes are disallowed here", true),
            ("layers are blocked", false), ("mediaType: a/b, digest: c", false), ("manifest invalid", false),
        ]
    )
    func refusedByRule(message: String, isRule: Bool) async throws {
        let clock = TestClock()
        let (outcome, methods) = try await store(clock: clock) { registry in
            registry.script(
                RequestMatch("PUT", .manifests, times: nil),
                .reply(.error(400, "MANIFEST_INVALID", message))
            )
        }
        #expect { try outcome.get() } throws: { ($0 as? RegistryError)?.isIgnoranceOfContent == !isRule }
        #expect((methods.count { $0 == "PUT" } == 1) == isRule)
        #expect(clock.sleeps.isEmpty == isRule)
    }

    @Test(
        "A tag that cannot be written twice has what is to be stored, or something else, or is not told",
        arguments: [(400, "TAG_INVALID"), (403, "DENIED"), (409, "CONFLICT"), (412, "PRECONDITION")]
    )
    func immutable(status: Int, code: String) async throws {
        let refusal = RequestMatch("PUT", .manifests, times: nil)
        for (there, isShown) in [(Self.image, true), (Self.other, true), (Self.image, false)] {
            let (outcome, methods) = try await store { registry in
                registry.load(there, repository: "library/app", tag: "v1")
                registry.script(refusal, .error(status, code))
                guard !isShown else { return }
                for method in ["HEAD", "GET"] {
                    registry.script(RequestMatch(method, .manifests, times: nil), .status(412))
                }
            }
            #expect(methods.count { $0 == "PUT" } == 1)
            if isShown, there.digest == Self.image.digest {
                #expect(try outcome.get() == .alreadyThere)
            } else {
                #expect { try outcome.get() } throws: { ($0 as? RegistryError)?.isUntold == !isShown }
            }
        }
    }

    @Test("What refers to something and was stored though a gateway says otherwise is found at the last try")
    func referrer() async throws {
        let signature = SampleImage.artifact(of: Self.image.top)
        let manifest = try Manifest(bytes: signature.topBytes, contentType: signature.top.mediaType)
        try await ScriptedRegistry.with { registry in
            registry.load(signature, repository: "library/app")
            registry.script(RequestMatch("PUT", .manifests, times: nil), .edit { $0 = Reply(504) })
            let outcome = try await withClient { try await $0.push(registry).store(manifest, as: nil) }
            #expect(outcome == .stored(isListed: nil))
            #expect(registry.requests.map(\.method) == ["PUT", "PUT", "PUT", "HEAD"])
        }
    }

    @Test(
        "A refusal stands where no answer comes to what the tag has",
        arguments: [
            .status(502), .status(503), .resetBeforeHead,
            .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "86400"]),
        ] as [Action]
    )
    func refusedAndOut(answer: Action) async throws {
        for status in [403, 409, 412] {
            let (outcome, _) = try await store { registry in
                registry.load(Self.image, repository: "library/app", tag: "v1")
                registry.script(RequestMatch("PUT", .manifests, times: nil), .status(status))
                for method in ["HEAD", "GET"] {
                    registry.script(RequestMatch(method, .manifests, times: nil), answer)
                }
            }
            #expect { try outcome.get() } throws: { error in
                guard let error = error as? RegistryError else { return false }
                return error.status == status && !error.isUntold
            }
        }
    }

    @Test(
        "What was taken and is not shown is not called stored where no answer comes to what else is there",
        arguments: [RequestMatch.Path.tags, .blobs]
    )
    func shownNothing(path: RequestMatch.Path) async throws {
        let (outcome, methods) = try await store { registry in
            registry.script(RequestMatch("PUT", .manifests), .status(201))
            for method in ["HEAD", "GET"] {
                registry.script(RequestMatch(method, .manifests, times: nil), .status(404))
                registry.script(RequestMatch(method, path, times: nil), .status(503))
                registry.script(RequestMatch(method, .blobs, times: nil), .status(404))
            }
        }
        #expect { try outcome.get() } throws: { error in
            (error as? RegistryError)?.isUnconfirmed == true
                && "\(error)".contains("it was taken, but whether it is there cannot be told")
        }
        #expect(methods.count { $0 == "PUT" } == 1)
    }
}
