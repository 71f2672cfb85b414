import ArgumentParser
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct CompletionTests {
    @Test(
        "The completion script of every shell knows the commands and their options",
        arguments: [CompletionShell.bash, .zsh, .fish]
    )
    func scripts(shell: CompletionShell) {
        let script = Imglife.completionScript(for: shell)
        for word in ["sync", "client-config", "dry-run", "log-level"] { #expect(script.contains(word)) }
    }

    @Test("The shell is named as it calls itself, and another one is refused")
    func names() throws {
        #expect(try Imglife.parseAsRoot(["completion", "fish"]) is CompletionCommand)
        #expect(throws: (any Error).self) { try Imglife.parseAsRoot(["completion", "tcsh"]) }
    }
}
