import Cache
import Glibc
import NIOCore
import OCI

extension ImportStage {
    /// The name of a part in `ingest/`; those of another set may be cut elsewhere.
    func partName(_ part: ArchiveDocument.Part, of document: ArchiveDocument?) -> String {
        Self.prefix(part.blob.digest, document?.volume?.set) + "\(part.index)"
    }

    private static func prefix(_ blob: Digest, _ set: Digest?) -> String {
        "\(StagedFile.partPrefix)\(set?.hex.prefix(16) ?? "0")-\(StagedFile.name(of: blob))-"
    }

    /// Joins the parts of a blob that are all here.
    ///
    /// - Returns: the parts' names, to be removed once the blob is committed; `nil` while some are missing.
    /// - Throws: ``ArchiveRefusal`` when they do not make the blob; they are removed then.
    func assemble(_ blob: ArchiveDocument.Blob, set: Digest?) async throws -> [String]? {
        let names = try partNames(blob, set)
        guard let names else { return nil }
        if files[blob.digest] == nil, try await !takeOver(blob.digest, size: blob.size) {
            let writer = try writer(
                StagedFile.name(of: blob.digest),
                algorithm: blob.digest.algorithm,
                size: blob.size
            )
            let file = try join(names, with: writer)
            guard file.digest == blob.digest else {
                for name in names + [file.name] { try cache.ingestDirectory.remove(name) }
                throw ArchiveRefusal(
                    "the parts of \(blob.digest) do not make it, but \(file.digest); import all volumes again"
                )
            }
            add(file)
        }
        return names
    }

    private func join(_ names: [String], with writer: StageWriter) throws -> StagedFile {
        var writer = writer
        do {
            for name in names {
                let part = try cache.ingestDirectory.openFile(name, flags: O_RDONLY)
                var offset: Int64 = 0
                while true {
                    try Task.checkCancellation()
                    let bytes = try part.read(at: offset, atMost: 1 << 20)
                    guard bytes.readableBytes > 0 else { break }
                    offset += Int64(bytes.readableBytes)
                    try writer.write(bytes)
                }
            }
            return try writer.finish()
        } catch {
            writer.remove()
            throw error
        }
    }

    /// - Returns: in order; `nil` unless together they are as long as the blob.
    private func partNames(_ blob: ArchiveDocument.Blob, _ set: Digest?) throws -> [String]? {
        var names: [String] = []
        var length: Int64 = 0
        while length < blob.size {
            let name = Self.prefix(blob.digest, set) + "\(names.count)"
            guard let status = try cache.ingestDirectory.status(name), status.size > 0 else { return nil }
            names.append(name)
            length += status.size
        }
        return length == blob.size ? names : nil
    }
}
