import OCI
import TestSupport
import Testing

/// Systems that lack what others have: what a program cannot know there must not look like success.
@Suite(.timeLimit(.minutes(10)))
struct BareSystemTests {
    private static func bare(
        _ workspace: Workspace,
        _ preparation: String,
        _ command: String
    ) async throws -> ToolResult {
        let program = Workspace.program
        return try await workspace.launch(
            ["unshare", "-m", "sh", "-c", "\(preparation) && exec \(program) \(command)"],
            environment: [:]
        )
    }

    @Test(
        "Without /proc nothing is done, and that is told",
        .requires(.mounting),
        arguments: ["sync", "version", "bogus"]
    )
    func withoutProcesses(command: String) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await Self.bare(workspace, "mount -t tmpfs none /proc", command)
            #expect(result.status == 1 && result.output == "")
            #expect(result.errors.hasPrefix("error: /proc is not there: mount it"), "\(result.errors)")
        }
    }

    @Test(
        "Without /dev/null a hook is told of as one that could not be started, and the run goes on",
        .requires(.mounting)
    )
    func withoutNull() async throws {
        try await Mirror.with(.image()) { mirror async throws in
            let workspace = mirror.workspace
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try workspace.configure("sync:\n  hooks: {post_sync: [{cmd: 'echo done'}]}\n  entries:\n" + entry.text)
            let result = try await Self.bare(workspace, "mount -t tmpfs none /dev", "sync --progress none")
            #expect(result.status == 1)
            #expect(result.errors.contains("could not be started: /dev/null: No such file or directory"))
            #expect(result.output.contains("Synced"))
        }
    }

    @Test("Where no more files fit on the disk, that is what is told", .requires(.mounting))
    func withoutRoom() async throws {
        try await Mirror.with(.image()) { mirror async throws in
            let workspace = mirror.workspace
            try workspace.configure(
                Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            )
            for count in 8...16 {
                let mount = "mkdir -p small && mount -t tmpfs -o size=9m,nr_inodes=\(count) none small"
                let result = try await Self.bare(workspace, mount, "sync --progress none --cache-dir small/cache")
                #expect(result.status == 1)
                #expect(result.errors.contains("No space left on device"), "\(count): \(result.errors)")
            }
        }
    }
}
