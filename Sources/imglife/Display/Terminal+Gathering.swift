import Glibc
import OCI
import Synchronization

extension Terminal {
    /// Lines that wait to be written together, and what of them is being written.
    struct Gathered {
        /// Told when the first line waits.
        let wake: AsyncStream<Void>.Continuation
        /// The line that stands for a number of lines that were lost.
        let tellLoss: @Sendable (Int) -> String
        private(set) var waiting = ""
        private var lost = 0
        /// What the reader has not taken yet.
        var rest: ArraySlice<UInt8> = []

        /// No more bytes are kept than this for a reader that does not read; warnings may take as many again.
        static let limit = 1 << 20

        init(wake: AsyncStream<Void>.Continuation, tellLoss: @escaping @Sendable (Int) -> String) {
            self.wake = wake
            self.tellLoss = tellLoss
        }

        var isEmpty: Bool { waiting.isEmpty && rest.isEmpty && lost == 0 }

        /// - Returns: whether so much waits that it should be written, unless the reader is behind.
        @discardableResult
        mutating func add(_ text: String, limit: Int = Self.limit) -> Bool {
            if isEmpty { wake.yield() }
            guard waiting.utf8.count + rest.count < limit else {
                lost += 1
                return false
            }
            addLoss()
            waiting += text
            // A reader that is behind is looked after now and then, not at every line.
            return rest.isEmpty && waiting.utf8.count >= Terminal.batch
        }

        mutating func takeWaiting() -> String {
            addLoss()
            defer { waiting = "" }
            return waiting
        }

        private mutating func addLoss() {
            guard lost > 0 else { return }
            waiting += tellLoss(lost)
            lost = 0
        }
    }

    /// More lines than this are written at once.
    fileprivate static let batch = 32 << 10
    /// How long a line waits for others.
    private static let patience = Duration.milliseconds(50)
    /// How long a reader is waited for at the end, in milliseconds.
    private static let lastPatience: CInt = 2000
    /// Where a pipe is said to be writable it takes this much without making the writer wait (POSIX, `PIPE_BUF`).
    private static let pieceSize = 4096

    /// Runs `body`; lines that can wait are written together for its duration, and all have been when it returns.
    ///
    /// For servers, which would spend more time on writing one line after the other than on their answers. Nobody waits
    /// for a reader that does not read: what waits for it has a limit, and what comes beyond that is lost and counted.
    /// `tellLoss` makes the line that stands for a number of lost ones.
    func gathering<R>(
        tellLoss: @escaping @Sendable (Int) -> String,
        _ body: () async throws -> R
    ) async rethrows -> R {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.gathered = Gathered(wake: wake, tellLoss: tellLoss) }
        defer {
            state.withLock { state in
                Self.drain(&state, patience: Self.lastPatience, size: size, to: descriptor)
                state.gathered = nil
            }
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in wakes {
                    repeat { try await Task.sleep(for: Self.patience) } while !self.flush()
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Writes a line that can wait for others, while that is allowed.
    func writeSoon(_ text: String) {
        state.withLock { state in
            // In its place: a copy for each line would cost more than the line.
            guard let isMuch = state.gathered?.add(text) else { return write(text, &state) }
            if isMuch { Self.drain(&state, size: size, to: descriptor) }
        }
    }

    /// Writes the lines that wait, as far as the reader takes them now.
    ///
    /// Does nothing while somebody else writes.
    ///
    /// - Returns: whether none waits any more.
    @discardableResult
    func flush() -> Bool {
        state.withLockIfAvailable { state in
            Self.drain(&state, size: size, to: descriptor)
            return state.gathered?.isEmpty ?? true
        } ?? false
    }

    /// Writes a line that should be seen at once, after those that wait.
    func writeNow(_ text: String, _ state: inout State) {
        state.gathered?.add(text, limit: 2 * Gathered.limit)
        Self.drain(&state, size: size, to: descriptor)
    }

    private static func drain(
        _ state: inout State,
        patience: CInt = 0,
        size: @autoclosure () -> Size,
        to descriptor: CInt
    ) {
        while let gathered = state.gathered, !gathered.isEmpty {
            if gathered.rest.isEmpty {
                let text = state.gathered?.takeWaiting() ?? ""
                state.gathered?.rest = ArraySlice(state.region.insert(text, columns: size().columns).utf8)
            }
            guard var rest = state.gathered?.rest else { return }
            state.gathered?.rest = []
            let isDone = write(&rest, to: descriptor, patience: patience)
            state.gathered?.rest = rest
            guard isDone else { return }
        }
    }

    /// Writes as much as the reader takes; what cannot be written at all is lost.
    ///
    /// - Returns: whether nothing is left.
    static func write(_ rest: inout ArraySlice<UInt8>, to descriptor: CInt, patience: CInt) -> Bool {
        while !rest.isEmpty {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&request, 1, patience)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return false }
            let piece = wholeLines(rest.prefix(pieceSize))
            let written = piece.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            // Where the pipe has been made non-blocking and is fuller than it seemed.
            if written < 0, errno == EAGAIN { return false }
            rest = written > 0 ? rest.dropFirst(written) : []
        }
        return true
    }

    /// The bytes up to the last line's end, so that no line is torn where others write to the same place.
    private static func wholeLines(_ piece: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let end = piece.lastIndex(of: UInt8(ascii: "\n")) else { return piece }
        return piece[...end]
    }
}
