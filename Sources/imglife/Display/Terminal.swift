import Dispatch
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

    struct State {
        var region = LiveRegion()
        /// `nil` while no line may wait.
        var gathered: Gathered?
    }

    let descriptor: CInt
    let state = Mutex(State())
    /// From when on nobody waits for a reader that does not read, in nanoseconds of the system's clock.
    private let deadline = Atomic(UInt64.max)
    /// How long a reader that does not read holds a line before it is looked whether it is still waited for, in milliseconds.
    private static let glance: CInt = 200

    /// - Parameter descriptor: open for as long as this lives; not closed.
    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// How many characters fit into a line of standard output; `nil` when that is no terminal.
    static var outputColumns: Int? {
        let output = Terminal(descriptor: STDOUT_FILENO)
        return output.isTerminal ? output.size.columns : nil
    }

    /// Writes lines, above the live ones if there are any, after those that wait.
    ///
    /// What can't be written is lost.
    func write(_ text: String) {
        state.withLock { state in
            if state.gathered == nil { write(text, &state) } else { writeNow(text, &state) }
        }
    }

    func write(_ text: String, _ state: inout State) {
        put(state.region.insert(text, columns: size.columns))
    }

    /// Has nobody wait any longer than two seconds from now for a reader that does not read; what it does not take is lost.
    func stopWaiting() {
        deadline.store(DispatchTime.now().uptimeNanoseconds + 2_000_000_000, ordering: .relaxed)
    }

    private func put(_ text: String) {
        var rest = ArraySlice(text.utf8)
        while !Self.write(&rest, to: descriptor, patience: Self.glance) {
            guard DispatchTime.now().uptimeNanoseconds < deadline.load(ordering: .relaxed) else { return }
        }
    }

    /// Shows these live lines instead of those before; writes nothing when they are the same.
    ///
    /// - Parameter render: given the size at this moment.
    func draw(_ render: (Size) -> [String]) {
        state.withLock { state in
            let size = size
            guard let text = state.region.replace(with: render(size), columns: size.columns) else { return }
            put(text)
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
