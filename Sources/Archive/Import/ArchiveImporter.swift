package import Cache
import Glibc
import OCI

/// Where an archive is read from.
package enum ArchiveSource: Hashable, Sendable {
    /// A tar archive, or a directory that holds an OCI image layout.
    case path(String)
    case standardInput

    /// For messages.
    package var name: String {
        switch self {
        case .path(let path): path
        case .standardInput: "standard input"
        }
    }

    /// Its length in bytes; `nil` for what is no regular file.
    package var size: Int64? {
        guard case .path(let path) = self else { return nil }
        var status = stat()
        guard stat(path, &status) == 0, FileStatus(status).isRegular else { return nil }
        return Int64(status.st_size)
    }

    /// The archives and layouts that a directory holds, or that links in it lead to, such as the volumes of a set, in the
    /// order of their names; the directory itself when it is an archive, or holds none.
    package var contained: [ArchiveSource] {
        guard case .path(let path) = self, let directory = try? Directory(path: path) else { return [self] }
        let lists = ["index.json", "manifest.json", "imglife.json", "oci-layout"]
        guard !lists.contains(where: { (try? directory.status($0)) != nil }), let names = try? directory.names() else {
            return [self]
        }
        let archives = names.filter { !$0.hasPrefix(".") }.sorted().map {
            path.hasSuffix("/") ? path + $0 : "\(path)/\($0)"
        }.filter { place in
            var status = stat()
            let isNamedSo = Self.ending(of: place) != nil
            // What cannot be looked at is told of when it is opened, but for a link to nothing. A pipe that nobody has named
            // is not waited for.
            guard stat(place, &status) == 0 else { return isNamedSo || ![ENOENT, ENOTDIR, ELOOP].contains(errno) }
            guard FileStatus(status).isDirectory else { return isNamedSo && FileStatus(status).isRegular }
            return Self.layoutMarks.contains { Self.isThere($0, in: place) }
        }
        return archives.isEmpty ? [self] : archives.map(ArchiveSource.path)
    }

    /// Of what other directories hold as well, `index.json` needs blobs beside it.
    private static let layoutMarks = [["oci-layout"], ["imglife.json"], ["index.json", "blobs"]]

    private static func isThere(_ names: [String], in place: String) -> Bool {
        names.allSatisfy { access("\(place)/\($0)", F_OK) == 0 }
    }

    private static let endings = [
        ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd", ".tzst", ".tar.xz", ".txz",
    ]

    /// What a path ends with that is called as archives are, in upper or lower case.
    package static func ending(of path: String) -> Substring? {
        endings.lazy.map { (path.suffix($0.count), $0) }.first { $0.lowercased() == $1 }?.0
    }

    /// Looks at its beginning, before a cache is made for it; at nothing that can be read only once.
    ///
    /// - Throws: ``CacheError``: `inputOutput` for what cannot be read, `refusedArchive` for what is no archive.
    @concurrent
    package func check() async throws {
        guard case .path(let path) = self else { return }
        var status = stat()
        guard stat(path, &status) != 0 || FileStatus(status).isRegular || FileStatus(status).isDirectory else { return }
        do {
            guard try await members({ _ in }).next() != nil else { throw ArchiveRefusal("it is empty") }
        } catch let refusal as ArchiveRefusal {
            throw CacheError(refusal, archive: name)
        } catch let error as SystemError {
            throw unreadable(error)
        }
    }

    fileprivate func unreadable(_ error: SystemError) -> CacheError {
        CacheError(.inputOutput, "read", path: name, code: error.code, error.reason, cause: error)
    }

    func members(_ onBytes: @escaping (Int) -> Void) throws -> any ArchiveMembers {
        guard case .path(let path) = self else {
            return try TarMembers(
                OpenFile(owning: try SystemError.check("dup") { dup(STDIN_FILENO) }),
                onBytes: onBytes
            )
        }
        // Whoever waits for a FIFO's writer can be told to stop.
        let file = OpenFile(owning: try SystemError.check("open") { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) })
        return try file.status().isDirectory
            ? DirectoryMembers(path: path, onBytes: onBytes) : TarMembers(file, onBytes: onBytes)
    }
}

/// Takes archives into one cache.
package struct ArchiveImporter: Sendable {
    private let cache: ContentCache

    package init(_ cache: ContentCache) {
        self.cache = cache
    }

    /// Takes the images of an archive: an OCI image layout as tar, tar.gz or directory, or what
    /// `docker save` writes.
    ///
    /// One pass in constant memory. Every blob is hashed while it is written to `ingest/`; only when the whole archive
    /// has been found good, signed as demanded and complete are its blobs committed, then manifests, then tags. No name
    /// of the archive becomes a path. A volume of a set is kept until the rest has come, and its images appear as soon
    /// as they are whole. What was interrupted is continued by the next import; safe to repeat.
    ///
    /// - Throws: ``CacheError``: `refusedArchive` when the archive may not be imported: then nothing of it is left;
    ///   `diskFull`, `inputOutput` and others of the cache. `locked` and `CancellationError`: what has arrived stays.
    @concurrent
    package func run(
        _ source: ArchiveSource,
        _ options: ImportOptions = ImportOptions()
    ) async throws -> ImportReport {
        let lock = try await cache.staging.begin()
        defer { lock.unlock() }
        let stage = ImportStage(cache)
        let reading = ImportReading(stage, options)
        defer { reading.parts?.release() }
        do {
            try await reading.run(source)
            let report = try await ArchiveImport(reading).run()
            stage.discard()
            await stage.releaseRoom()
            return report
        } catch {
            // What waits for another process in vain is as good as before.
            let isInterrupted = error is CancellationError || (error as? CacheError)?.kind == .locked
            reading.abandon(keepsPartial: isInterrupted)
            if !isInterrupted {
                stage.discard()
                reading.parts?.discard()
            }
            await stage.releaseRoom()
            switch error {
            case let refusal as ArchiveRefusal: throw CacheError(refusal, archive: source.name)
            case let error as SystemError: throw CacheError(error, importingInto: cache)
            default: throw error
            }
        }
    }
}

extension ImportReading {
    /// Opens an archive and reads it to its end.
    fileprivate func run(_ source: ArchiveSource) async throws {
        let members: any ArchiveMembers
        do {
            members = try source.members(options.onBytes)
        } catch let error as SystemError {
            throw source.unreadable(error)
        }
        try await run(members, archive: source.name)
    }
}
