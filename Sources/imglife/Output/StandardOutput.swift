import ArgumentParser
import Glibc
import Output

/// Writes results to standard output and messages to standard error, whole or with an error.
enum StandardOutput {
    /// Occupies the standard streams that are closed.
    ///
    /// The next file or socket to be opened would get such a stream's number, and results would be written into it.
    static func occupyClosedStreams() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // Standard output can still not be written then, which is an error when it is tried.
            _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// - Throws: ``OutputError`` when the reader went away or the disk behind it is full.
    static func write(_ text: String) throws(OutputError) {
        try write(text, to: STDOUT_FILENO)
    }

    /// Writes what somebody looks at, who may go away when there is enough of it: `imglife cache ls | head`.
    ///
    /// - Throws: ``OutputError``; `ExitCode.success` when the reader went away.
    static func show(_ text: String) throws {
        guard try offer(text) else { throw ExitCode.success }
    }

    /// Writes what somebody looks at, and goes on when he goes away: the command has more to do, or a verdict.
    ///
    /// - Returns: whether somebody still reads.
    @discardableResult
    static func offer(_ text: String) throws(OutputError) -> Bool {
        do {
            try write(text)
            return true
        } catch {
            guard error.code == EPIPE else { throw error }
            return false
        }
    }

    /// Tells the person, above whatever progress is on the screen.
    ///
    /// What can't be told is lost, because there is nowhere left to say so.
    static func writeError(_ text: String) {
        Terminal.standardError.write(text)
    }

    /// Writes all of the text, in one write(2) unless the system takes it in pieces.
    static func write(_ text: String, to descriptor: CInt) throws(OutputError) {
        var text = text
        let code = text.withUTF8 { bytes -> CInt in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0, errno == EINTR || errno == EAGAIN && waitUntilWritable(descriptor) { continue }
                guard written > 0 else { return errno }
                rest = rest.dropFirst(written)
            }
            return 0
        }
        guard code == 0 else { throw OutputError(code: code) }
    }

    /// A pipe or terminal may have been made non-blocking by another process that shares it.
    private static func waitUntilWritable(_ descriptor: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, -1) >= 0 || errno == EINTR
    }
}

/// Standard output could not be written.
struct OutputError: Error, CustomStringConvertible {
    let code: CInt

    var description: String { "cannot write to standard output: \(OutputReason.text(code))" }
}
