import Cache
import NIOCore
import OCI

/// Where the members of an archive come from, in order: a tar archive, or the files of a directory.
protocol ArchiveMembers: AnyObject {
    /// The next event.
    ///
    /// - Returns: `nil` at the end of a complete archive.
    /// - Throws: ``ArchiveRefusal``, ``SystemError``, `CancellationError`.
    func next() async throws -> TarParser.Event?

    /// How many bytes are left to be read, members' headers included; `nil` where that cannot be known.
    var remaining: Int64? { get }

    /// Says that the archive lists so many blobs and parts, which it may then have.
    func expect(_ count: Int)
}

/// The members of a tar archive, compressed or not.
final class TarMembers: ArchiveMembers {
    private let input: ArchiveInput
    private let onBytes: (Int) -> Void
    private var parser = TarParser()
    private var isFinished = false

    init(_ file: OpenFile, onBytes: @escaping (Int) -> Void) throws(SystemError) {
        input = try ArchiveInput(file)
        self.onBytes = onBytes
    }

    var remaining: Int64? { input.remaining.map { $0 + Int64(parser.bufferedBytes) } }

    func expect(_ count: Int) { parser.expect(count) }

    func next() async throws -> TarParser.Event? {
        while !isFinished {
            if let event = try parser.next() { return event }
            guard let bytes = try await input.next() else {
                try parser.finish()
                isFinished = true
                return nil
            }
            onBytes(bytes.readableBytes)
            parser.append(bytes)
        }
        return nil
    }
}
