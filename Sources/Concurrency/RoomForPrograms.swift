import Glibc

/// Whether this process may open as many files as it takes to start a program.
///
/// swift-subprocess ends the process when it gets some of a program's pipes and not all. What others open between the
/// look and the start is allowed for.
package enum RoomForPrograms {
    /// Three pipes, one that tells why a program cannot run, what tells of its end and what waits for that: 12; and as
    /// many for somebody else's.
    private static let files = 24

    /// There are too many open files.
    package struct Lacking: Error, CustomStringConvertible {
        let code: Int32

        package var description: String {
            "\(String(cString: strerror(code))); raise the limit on open files (ulimit -n)"
        }
    }

    /// Looks whether there is room.
    ///
    /// Safe to repeat.
    ///
    /// - Throws: ``Lacking``.
    package static func check() throws(Lacking) {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<files {
            let descriptor = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Lacking(code: errno) }
            opened.append(descriptor)
        }
    }
}
