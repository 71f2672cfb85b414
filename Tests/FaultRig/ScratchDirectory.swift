import FoundationEssentials
import Glibc
import TestSupport

/// Where the rig works: in memory where it can, because most of what it does is about the order of calls.
enum Scratch {
    /// The file system in memory, or the ordinary place for temporary files.
    static let base: String? = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil

    /// A directory for the duration of `body`.
    static func with<R>(_ body: (_ path: String) async throws -> R) async throws -> R {
        try await TemporaryDirectory.with(in: base, body)
    }
}

/// A directory that lasts as long as the value.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        path = "\(Scratch.base ?? "/tmp")/imglife-rig-\(UInt64.random(in: .min ... .max))"
        try Files.makeDirectory(path)
    }

    deinit { try? Files.remove(path) }
}
