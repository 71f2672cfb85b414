import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Programs that a run has started do not outlive it, whatever they do with signals.
@Suite(.timeLimit(.minutes(10)))
struct StartedProgramTests {
    /// A shell that notes that it was told to end, and goes on with a child that is deaf to it; both tell their numbers.
    private static let deaf = """
        #!/bin/sh
        trap 'touch told' TERM INT
        sh -c 'trap "" TERM INT; exec sleep 1000' &
        echo $$ $! >numbers.new; mv numbers.new numbers
        while :; do wait; done
        """

    private static func wait(for file: String, _ workspace: Workspace) async throws {
        while access("\(workspace.path)/\(file)", F_OK) != 0 {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    /// The numbers of the program's processes; the kernel may take a moment to end what was killed.
    private static func expectNone(_ workspace: Workspace) async throws {
        let numbers = try Files.text("\(workspace.path)/numbers").split(whereSeparator: \.isWhitespace)
        #expect(numbers.count == 2)
        let deadline = ContinuousClock.now + .seconds(20)
        while numbers.contains(where: isRunning), ContinuousClock.now < deadline { await Task.yield() }
        for number in numbers where isRunning(number) {
            Issue.record("process \(number) has outlived the run")
            if let process = pid_t(number) { kill(process, SIGKILL) }
        }
    }

    /// Whether it has not ended; one that nobody has reaped has.
    private static func isRunning(_ process: Substring) -> Bool {
        guard let text = try? Files.text("/proc/\(process)/stat"),
            let state = text.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z" && state != "X"
    }

    @Test(
        "A hook that ignores TERM is killed with all it has started by a second signal",
        arguments: [SIGINT, SIGTERM]
    )
    func secondSignal(_ signal: CInt) async throws {
        try await Mirror.with(.image()) { mirror async throws in
            let workspace = mirror.workspace
            try Files.write(Self.deaf, to: "\(workspace.path)/hook.sh")
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try workspace.configure(
                "sync:\n  hooks: {post_sync: [{cmd: 'exec sh hook.sh', timeout: 1h}]}\n  entries:\n" + entry.text
            )
            let result = try await workspace.interrupting { program async throws in
                try await Self.wait(for: "numbers", workspace)
                try program.send(signal)
                try await Self.wait(for: "told", workspace)
                try program.send(signal)
            }
            #expect(result.status == 128 + Int(signal), "\(result.errors)")
            try await Self.expectNone(workspace)
        }
    }

    @Test("A credential program that ignores TERM ends with all it has started when the run is told to end")
    func credentialProgram() async throws {
        try await Mirror.with(.image()) { mirror async throws in
            mirror.upstream.authentication = .basic(username: "u", password: "p")
            var workspace = mirror.workspace
            try await workspace.useCredentialProgram(Self.deaf)
            let result = try await workspace.interrupting { [workspace] running async throws in
                try await Self.wait(for: "numbers", workspace)
                try running.send(SIGTERM)
            }
            #expect(result.status == 143, "\(result.errors)")
            try await Self.expectNone(workspace)
        }
    }

    @Test("What is inherited reaches hooks and credential programs byte for byte, whatever else is in the environment")
    func inherited() async throws {
        try await Mirror.with(.image()) { mirror async throws in
            mirror.upstream.authentication = .basic(username: "u", password: "p")
            var workspace = mirror.workspace
            let note = { (name: String) in "printf %s \"$PLACE\" >\(workspace.path)/\(name)" }
            try await workspace.useCredentialProgram(
                "#!/bin/sh\n\(note("program"))\necho '{\"Username\": \"u\", \"Secret\": \"p\"}'\n"
            )
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try workspace.configure(
                "sync:\n  hooks: {post_sync: [{cmd: '\(note("hook"))'}]}\n  entries:\n" + entry.text
            )
            let result = try await workspace.shell(
                #"PLACE=$(printf 'M\374ller'); export PLACE; exec env 3SCALE_ENV=prod "$imglife" sync --progress none"#
            )
            #expect(result.status == 0, "\(result.errors)")
            for name in ["program", "hook"] {
                #expect(
                    try Files.read("\(workspace.path)/\(name)") == ByteBuffer(bytes: [0x4D, 0xFC] + Array("ller".utf8))
                )
            }
        }
    }
}
