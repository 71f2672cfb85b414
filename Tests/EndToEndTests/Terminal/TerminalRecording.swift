import TestSupport
import Testing

/// One pane of a tmux server of its own.
struct TerminalRecording: Sendable {
    let columns: Int
    let rows: Int
    let workspace: Workspace
    private let socket = "imglife-\(UInt64.random(in: .min ... .max))"

    init(columns: Int, rows: Int, workspace: Workspace) {
        self.columns = columns
        self.rows = rows
        self.workspace = workspace
    }

    /// Runs a shell's command line in the pane, which stays when that has ended.
    func start(_ command: String) async throws {
        let environment = ["imglife": Workspace.program, "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"]
        let result = try await workspace.launch(
            tmux("-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "\(command); cat"),
            environment: environment
        )
        #expect(result.status == 0, "\(result.errors)")
    }

    /// What is on the screen, without blanks at the ends of lines.
    func lines() async throws -> [String] {
        try await workspace.launch(tmux("capture-pane", "-p")).output
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Types keys, as tmux names them.
    func type(_ keys: String...) async throws {
        _ = try await workspace.launch(["tmux", "-u", "-S", "\(workspace.path)/\(socket)", "send-keys"] + keys)
    }

    /// Waits until a line of the screen is as asked for, and returns all of them down to the last that is not empty.
    func lines(once isSeen: (String) -> Bool) async throws -> [String] {
        try await screen { $0.contains(where: isSeen) }
    }

    /// Waits until the screen is as asked for, and returns its lines down to the last that is not empty.
    func screen(once isSeen: ([String]) -> Bool) async throws -> [String] {
        while true {
            try Task.checkCancellation()
            var lines = try await lines()
            guard isSeen(lines) else { continue }
            while lines.last?.isEmpty == true { lines.removeLast() }
            return lines
        }
    }

    /// The same, once it is still: tmux may have taken in only a part of what was written at once.
    func settledLines() async throws -> [String] {
        var lines = try await lines()
        while true {
            let again = try await self.lines()
            if again == lines { return lines }
            lines = again
        }
    }

    func stop() async throws {
        _ = try await workspace.launch(tmux("kill-server"))
    }

    private func tmux(_ arguments: String...) -> [String] {
        ["tmux", "-u", "-S", "\(workspace.path)/\(socket)"] + arguments
    }
}
