package import Cache
import Glibc
import NIOCore
package import Output

/// Where an archive is written.
package enum ArchiveDestination: Hashable, Sendable {
    /// A file that appears when it is whole, replacing another only when told so; a device, a FIFO or the like at that path
    /// is written into.
    case file(path: String, overwrites: Bool)
    /// Front to back; a reader must not trust it before the end.
    case standardOutput

    /// What there is at a path.
    ///
    /// - Throws: ``CacheError`` for what is never written.
    static func place(_ path: String) throws(CacheError) -> OutputPlace {
        do throws(OutputPlaceError) {
            return try OutputPlace(path)
        } catch {
            throw CacheError(archive: SystemError(call: "open", code: error.code), path: path)
        }
    }

    /// What is written into front to back, by its name for messages; `nil` for a file.
    package var stream: (place: OutputPlace, name: String)? {
        get throws(CacheError) {
            guard case .file(let path, _) = self else { return (.ownFile(STDOUT_FILENO), "standard output") }
            switch try Self.place(path) {
            case .stream, .ownFile: return (try Self.place(path), path)
            case .file, .directory: return nil
            }
        }
    }
}

/// Writes archives of what one cache holds.
package struct ArchiveOutput: Sendable {
    private let cache: ContentCache

    package init(_ cache: ContentCache) {
        self.cache = cache
    }

    /// Checks that an archive may be written there, before any work is done.
    ///
    /// - Throws: ``CacheError``: `exists`, `permission`, `locked`, no such directory.
    package static func check(_ destination: ArchiveDestination) throws(CacheError) {
        guard try destination.stream == nil, case .file(let path, let overwrites) = destination else { return }
        try ArchiveFile(path: path, overwrites: overwrites).discard()
    }

    /// Whether a file is this very archive, written to its end earlier: archives appear whole, so its length and all
    /// that stands before its blobs tell.
    package static func isWritten(_ volume: ArchiveVolume, at path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        let file = OpenFile(owning: descriptor)
        let head = volume.head
        guard (try? file.length()) == volume.size, let read = try? file.read(at: 0, atMost: head.readableBytes) else {
            return false
        }
        return read == head
    }

    /// Writes one archive.
    ///
    /// Every blob is hashed as it passes. A file is made durable before it gets its name; after any failure there is
    /// none, and a process that is killed leaves at most a temporary file that the next one replaces. Memory does not
    /// grow with the archive.
    ///
    /// - Parameters:
    ///   - volume: one of a ``ArchivePlan``, whose blobs this cache still holds.
    ///   - destination: where to.
    ///   - onProgress: told the bytes of blobs that have passed since it was called last.
    /// - Throws: ``CacheError``; `CancellationError`. Safe to repeat.
    package func write(
        _ volume: ArchiveVolume,
        to destination: ArchiveDestination,
        onProgress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws {
        if let stream = try destination.stream {
            let output = try await Self.open(stream.place, named: stream.name)
            var writer = ArchiveWriter(cache: cache, output: output, path: stream.name, onProgress: onProgress)
            return try await writer.write(volume)
        }
        guard case .file(let path, let overwrites) = destination else { return }
        let file = try ArchiveFile(path: path, overwrites: overwrites)
        do {
            try await fill(file, with: volume, onProgress)
        } catch {
            file.discard()
            throw error
        }
    }

    /// Waits for a FIFO's reader.
    private static func open(_ place: OutputPlace, named name: String) async throws -> OpenFile {
        while true {
            let opened = try await blocking(on: .streams) {
                do throws(OutputPlaceError) {
                    return try place.openUnwaiting()
                } catch {
                    throw CacheError(archive: SystemError(call: "open", code: error.code), path: name)
                }
            }
            switch opened {
            case .file: throw CacheError(archive: SystemError(call: "open", code: EISDIR), path: name)
            case .noReader: try await Task.sleep(for: .milliseconds(100))
            case .descriptor(let descriptor):
                let output = OpenFile(owning: descriptor)
                output.widenPipe()
                return output
            }
        }
    }

    private func fill(
        _ file: ArchiveFile,
        with volume: ArchiveVolume,
        _ onProgress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        do throws(SystemError) {
            try file.file.reserve(volume.size)
        } catch {
            throw CacheError(archive: error, path: file.path)
        }
        var writer = ArchiveWriter(cache: cache, output: file.file, path: file.path, onProgress: onProgress)
        try await writer.write(volume)
        try await blocking(on: .syncing) { try file.finish() }
    }
}
