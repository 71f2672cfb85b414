import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Exports that do not come to their end.
@Suite(.timeLimit(.minutes(10)))
struct ExportCrashTests {
    @Test("An export may be killed at any instant: nothing is under the final name, and the next one finishes")
    func killed() async throws {
        try await ScriptedRegistry.with { upstream async throws in
            let image = SampleImage.image(layers: (1...6).map { .init(seed: $0, size: 4 << 20) })
            upstream.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'"))
                #expect(try await workspace.run("export", "-o", "whole.tar").status == 0)
                let whole = try Files.read("\(workspace.path)/whole.tar")
                var killed = 0
                for round in 0..<24 {
                    // The shell ends the export after a time that grows, from before its start to about its end.
                    let delay = "0.\(String(1000 + round * 8).dropFirst())"
                    let command = """
                        "$imglife" export -o a.tar --offline --progress none & p=$!; sleep \(delay); kill -9 $p; wait $p
                        """
                    let result = try await workspace.shell(command)
                    killed += result.status == 137 ? 1 : 0
                    if Files.exists("\(workspace.path)/a.tar") {
                        #expect(try Files.read("\(workspace.path)/a.tar") == whole)
                        try Files.remove("\(workspace.path)/a.tar")
                    }
                }
                #expect(killed > 0)
                let last = try await workspace.run("export", "-o", "a.tar", "--offline")
                #expect(last.status == 0, "\(last.errors)")
                #expect(try Files.read("\(workspace.path)/a.tar") == whole)
                #expect(try Files.list(workspace.path) == ["a.tar", "imglife.yaml", "var", "whole.tar"])
            }
        }
    }

    @Test("An export that is told to stop leaves nothing", arguments: [SIGINT, SIGTERM, SIGHUP])
    func stopped(signal: CInt) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(SampleImage.image(layers: [.init(seed: 1, size: 1 << 20)]), repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'"))
                // Nobody reads the pipe before the export has been told to stop.
                let name = [SIGINT: "INT", SIGTERM: "TERM", SIGHUP: "HUP"][signal, default: ""]
                let result = try await workspace.shell(
                    """
                    mkfifo p; "$imglife" export -o - --progress none >p & e=$!
                    exec 3<p; head -c 100 <&3 >/dev/null; kill -\(name) $e; cat <&3 >/dev/null; wait $e
                    """
                )
                #expect(result.status == Int(signal) + 128, "\(result.errors)")
            }
        }
    }

    @Test(
        "A disk that is full is one clear line, found out before anything is written, and leaves nothing",
        .requires(.mounting)
    )
    func diskFull() async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(SampleImage.image(layers: [.init(seed: 1, size: 4 << 20)]), repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'"))
                let mount = "mkdir -p small && mount -t tmpfs -o size=2m none small"
                let result = try await workspace.shell(
                    """
                    export imglife; exec unshare -m sh -c '\(mount) && "$imglife" export -o small/a.tar --progress none
                    s=$?; ls -A small; exit $s'
                    """
                )
                #expect(result.status == 1)
                #expect(result.output.isEmpty, "\(result.output)")
                #expect(result.errorLines.count == 1 && result.errors.contains("small/a.tar"), "\(result.errors)")
                #expect(result.errors.contains("No space left"))
            }
        }
    }
}
