import Glibc

/// A pseudo-terminal of Linux: what is written to one end is read, as a terminal would, at the other.
final class PseudoTerminal {
    /// Asks the master for the other end's number, and unlocks it: `TIOCGPTN`, `TIOCSPTLCK` of ioctl_tty(2).
    private static let number: UInt = 0x8004_5430
    private static let lock: UInt = 0x4004_5431

    /// Where the program writes.
    let descriptor: CInt
    private let master: CInt

    init?(columns: UInt16, rows: UInt16) {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard master >= 0 else { return nil }
        var unlocked: CInt = 0
        var number: CInt = 0
        guard ioctl(master, Self.lock, &unlocked) == 0, ioctl(master, Self.number, &number) == 0 else {
            close(master)
            return nil
        }
        descriptor = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            close(master)
            return nil
        }
        resize(columns: columns, rows: rows)
    }

    deinit {
        close(descriptor)
        close(master)
    }

    func resize(columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(descriptor, UInt(TIOCSWINSZ), &size)
    }

    /// Everything written since the last call; to be called before 4096 bytes have gathered, where a writer waits.
    func output() -> String {
        let end: [UInt8] = [0, 4, 0]
        _ = end.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !received.suffix(3).elementsEqual(end) {
            let count = read(master, &buffer, buffer.count)
            guard count > 0 else { break }
            received += buffer[..<count]
        }
        return String(decoding: received.dropLast(3), as: UTF8.self)
    }
}
