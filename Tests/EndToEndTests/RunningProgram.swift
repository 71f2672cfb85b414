import Glibc
import TestSupport

/// A program under way, known by the file that holds its process number.
struct RunningProgram: Sendable {
    let file: String

    /// Sends a signal; the program must have been seen at work, by a registry say.
    func send(_ signal: CInt) throws {
        let text = try Files.text(file)
        guard let number = pid_t(text.filter { $0 != "\n" }), kill(number, signal) == 0 else {
            throw NoProcess(text: text)
        }
    }
}

private struct NoProcess: Error {
    let text: String
}
