import Glibc
import Synchronization

/// A terminal, or whatever else a descriptor leads to, that log lines and live lines share without tearing each other.
///
/// Everything goes out whole, one text at a time.
final class Terminal: Sendable {
    /// How many characters fit.
    struct Size: Hashable {
        let columns: Int
        let rows: Int
    }

    static let standardError = Terminal(descriptor: STDERR_FILENO)

    private struct State {
        var region = LiveRegion()
        /// Lines that wait to be written together.
        var waiting = ""
        /// Told when the first line waits; `nil` while none may.
        var wake: AsyncStream<Void>.Continuation?
    }

    private let descriptor: CInt
    private let state = Mutex(State())

    /// - Parameter descriptor: open for as long as this lives; not closed.
    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Writes lines, above the live ones if there are any, after those that wait.
    ///
    /// What can't be written is lost.
    func write(_ text: String) {
        state.withLock { write(text, &$0) }
    }

    /// Shows these live lines instead of those before; writes nothing when they are the same.
    ///
    /// - Parameter render: given the size at this moment.
    func draw(_ render: (Size) -> [String]) {
        state.withLock { state in
            let size = size
            guard let text = state.region.replace(with: render(size), columns: size.columns) else { return }
            try? StandardOutput.write(text, to: descriptor)
        }
    }

    /// Takes the live lines off the screen.
    func clear() {
        draw { _ in [] }
    }

    /// 80 × 24 where the system does not know.
    var size: Size {
        var window = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return Size(columns: 80, rows: 24)
        }
        return Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
    }
}

extension Terminal {
    /// No more bytes wait than this.
    private static let waitingLimit = 32 << 10
    /// How long a line waits for others.
    private static let patience = Duration.milliseconds(50)

    /// Runs `body`; lines that can wait are written together for its duration, and all have been when it returns.
    ///
    /// For servers, which would spend more time on writing one line after the other than on their answers.
    func gathering<R>(_ body: () async throws -> R) async rethrows -> R {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.wake = wake }
        defer {
            state.withLock { $0.wake = nil }
            flush()
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in wakes {
                    try? await Task.sleep(for: Self.patience)
                    self.flush()
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Writes a line that can wait for others, while that is allowed.
    func writeSoon(_ text: String) {
        state.withLock { state in
            guard let wake = state.wake else { return write(text, &state) }
            if state.waiting.isEmpty { wake.yield() }
            state.waiting += text
            if state.waiting.utf8.count >= Self.waitingLimit { write("", &state) }
        }
    }

    /// Writes the lines that wait.
    func flush() {
        state.withLock { state in
            if !state.waiting.isEmpty { write("", &state) }
        }
    }

    private func write(_ text: String, _ state: inout State) {
        let all = state.waiting + text
        state.waiting = ""
        try? StandardOutput.write(state.region.insert(all, columns: size.columns), to: descriptor)
    }
}
