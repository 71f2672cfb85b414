import Glibc

/// Whether this process may open what it takes to start a program.
///
/// swift-subprocess ends the process when it gets some of a program's streams and not all. What others open between the
/// look and the start is allowed for.
package enum RoomForPrograms {
    /// Three pipes, one that tells why a program cannot run, what tells of its end and what waits for that: 12; and as
    /// many for somebody else's.
    private static let files = 24

    /// What cannot be opened, and why.
    package struct Lacking: Error, CustomStringConvertible {
        let path: String
        let code: Int32

        package var description: String {
            let reason = String(cString: strerror(code))
            return [EMFILE, ENFILE].contains(code)
                ? "\(reason); raise the limit on open files (ulimit -n)" : "\(path): \(reason)"
        }
    }

    /// Looks whether there is room.
    ///
    /// Safe to repeat.
    ///
    /// - Parameter path: what is opened to see that; what the program's streams need, such as `/dev/null`.
    /// - Throws: ``Lacking``.
    package static func check(opening path: String = "/") throws(Lacking) {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<files {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Lacking(path: path, code: errno) }
            opened.append(descriptor)
        }
    }
}
