import OCI
import TestSupport
import Testing

/// TERM while a command waits for the other end of a FIFO.
@Suite(.timeLimit(.minutes(10)), .requires(.tool("mkfifo")))
struct StuckFileTests {
    /// Begins a command, waits until one of its threads hangs in opening a file, and prints how it ends at TERM, of which it is
    /// sent one: in the background `timeout` sends its whole group another, and a second ends a command at once.
    private static let functions = """
        begin() { timeout --foreground -k 20 600 "$imglife" "$@" >out.txt 2>log.txt & pid=$!; }
        until_log() { for i in $(seq 600); do grep -q "$1" log.txt && return; sleep 0.05; done; }
        program() { cat /proc/$pid/task/$pid/children; }
        until_stuck() {
          n=0
          for i in $(seq 600); do
            child=$(program)
            grep -qsE '^(257|56) ' /proc/${child% }/task/*/syscall && n=$((n + 1)) || n=0
            [ $n -ge 3 ] && return; sleep 0.05
          done
        }
        end() { kill $pid; wait $pid; echo $?; }

        """

    @Test(
        "A FIFO that nobody reads, or writes, keeps no command from ending",
        arguments: [
            ("receipt -o ff", "143"), ("import --receipt ff x.tar", "143"), ("sync -q --metrics-file ff", "143"),
            ("serve --listen 127.0.0.1:0 --htpasswd ff", "0"),
        ]
    )
    func commands(command: String, status: String) async throws {
        try await ExportTests.with { workspace, _ async throws in
            let filled = try await workspace.run("export", "-o", "x.tar", "--progress", "none")
            #expect(filled.status == 0, "\(filled.errors)")
            let script = Self.functions + "mkfifo ff; begin \(command); until_stuck; end"
            let result = try await workspace.shell(script)
            let log = try Files.text("\(workspace.path)/log.txt")
            #expect(result.lines == [status], "\(log)")
        }
    }

    @Test(
        "A configuration that does not come when it is read again keeps no command from ending",
        arguments: ["sync --every 1h", "serve --listen 127.0.0.1:0 --sync-every 1h"]
    )
    func reloads(command: String) async throws {
        try await Mirror.with { mirror async throws in
            let isServing = command.hasPrefix("serve")
            let script =
                Self.functions + """
                    begin \(command); until_log '\(isServing ? "sync ended" : "next run")'
                    rm imglife.yaml; mkfifo imglife.yaml; child=$(program); kill -HUP ${child% }; until_stuck; end
                    """
            let result = try await mirror.workspace.shell(script)
            let log = try Files.text("\(mirror.workspace.path)/log.txt")
            #expect(result.lines == ["0"], "\(log)")
        }
    }
}
