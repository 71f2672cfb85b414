import Glibc
import Synchronization

/// Directories that last as long as the process does.
enum ProcessDirectory {
    private static let made = Mutex<[String]>([])

    static func make() throws -> String {
        let path = try TemporaryDirectory.make()
        let isFirst = made.withLock { made in
            made.append(path)
            return made.count == 1
        }
        if isFirst { atexit { ProcessDirectory.removeAll() } }
        return path
    }

    private static func removeAll() {
        for path in made.withLock({ $0 }) { TemporaryDirectory.remove(path) }
    }
}
