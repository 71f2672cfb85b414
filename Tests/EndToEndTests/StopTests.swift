import Glibc
import OCI
import TestSupport
import Testing

/// Runs that are told to stop while they wait for something.
@Suite(.timeLimit(.minutes(10)))
struct StopTests {
    /// Runs, waits until the registries have seen what is to be waited for, sends a signal, and expects a prompt end.
    private static func stop(
        _ mirror: Mirror,
        _ signal: CInt = SIGTERM,
        once isSeen: @escaping @Sendable () async throws -> Void
    ) async throws {
        let clock = ContinuousClock()
        let sent = Watched(clock.now)
        let result = try await mirror.workspace.interrupting { program async throws in
            try await isSeen()
            sent.update { $0 = clock.now }
            try program.send(signal)
        }
        #expect(result.status == (signal == SIGTERM ? 143 : 130), "\(result.errors)")
        #expect(result.counts == [0, 0, 0, 0])
        #expect(result.lines.last == "Interrupted: 1 tag not finished; the next run goes on")
        // What it waits for takes ten minutes; the bound leaves room for a machine that does other things too.
        #expect(clock.now - sent.value < .seconds(60))
        #expect(!result.errors.contains(" ERROR "), "\(result.errors)")
        let files = CacheFiles(path: mirror.workspace.cache)
        #expect(try files.hasLayoutMarker())
        #expect(try files.wrongBlobs() == [])
        #expect(mirror.target.store.tags(of: "down/app").isEmpty)
    }

    @Test("A run that waits for a rate limit to pass stops at once")
    func rateLimit() async throws {
        try await Mirror.with { mirror async throws in
            let limit = Action.error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "600"])
            mirror.upstream.script(.init("GET", .blobs, times: nil), limit)
            try await Self.stop(mirror) {
                try await mirror.upstream.waitForRequests { requests in requests.contains { $0.status == 429 } }
            }
            mirror.upstream.removeScript()
            try await mirror.expectSuccess()
        }
    }

    @Test("A run that is stopped within its own hook tells what it has done")
    func ownHook() async throws {
        try await Mirror.with { mirror async throws in
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try mirror.workspace.configure(
                "sync:\n  entries:\n\(entry.text)  hooks: {post_sync: [{cmd: 'touch begun; exec sleep 600'}]}\n"
            )
            #expect(try await mirror.workspace.shell("echo 'imglife_sync_last_run_success 1' >m.prom").status == 0)
            let result = try await mirror.workspace.interrupting("--metrics-file m.prom") { program async throws in
                while !Files.exists("\(mirror.workspace.path)/begun") {
                    try Task.checkCancellation()
                    await Task.yield()
                }
                try program.send(SIGTERM)
            }
            #expect(result.status == 143, "\(result.errors)")
            #expect(result.counts == [1, 1, 0, 0], "\(result.output)")
            let metrics = try Files.text("\(mirror.workspace.path)/m.prom")
            #expect(metrics.contains("imglife_sync_last_run_success 0\n"))
            #expect(metrics.contains("imglife_sync_tags{status=\"synced\"} 1\n"))
        }
    }

    @Test("A run whose back-off is long stops at once")
    func backOff() async throws {
        try await Mirror.with { mirror async throws in
            var mirror = mirror
            mirror.workspace.environment["IMGLIFE_RETRY_INITIAL_DELAY"] = "10m"
            mirror.target.script(.init("PUT", .uploads, times: nil), .status(500))
            try await Self.stop(mirror, SIGINT) { [mirror] in
                try await mirror.target.waitForRequests { requests in requests.contains { $0.status == 500 } }
            }
        }
    }

    @Test("A run whose target does not answer stops at once, and the next one fetches nothing again")
    func silentTarget() async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            mirror.target.script(.init("PUT", .manifests), .holdHead(gate))
            try await Self.stop(mirror) { try await gate.waitForArrivals() }
            gate.open()
            mirror.upstream.forgetRequests()
            try await mirror.expectSuccess()
            #expect(RequestLog(mirror.upstream).blobFetches.isEmpty)
        }
    }

    @Test("A run that waits for another's download stops at once, and the other one goes on")
    func waiting() async throws {
        try await Mirror.with { mirror async throws in
            let valve = Valve(bytes: 1000)
            mirror.upstream.script(.init("GET", .blob(mirror.layer)), .trickle(valve))
            async let first = mirror.workspace.run("sync", "--progress", "none")
            try await valve.waitForStalls()
            let second = try await mirror.workspace.interrupting { program async throws in
                // Both have asked for the manifests, and there is nothing else to fetch but what stands still.
                try await mirror.upstream.waitForRequests { requests in
                    requests.count { $0.path.contains("/manifests/") } >= 6
                }
                try program.send(SIGTERM)
            }
            #expect(second.status == 143, "\(second.errors)")
            valve.open()
            let result = try await first
            #expect(result.counts == [1, 1, 0, 0], "\(result.output)\(result.errors)")
            #expect(RequestLog(mirror.upstream).blobFetches.values.allSatisfy { $0 == 1 })
        }
    }
}
