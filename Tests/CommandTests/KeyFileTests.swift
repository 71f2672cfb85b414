import Cache
import CacheSupport
import Glibc
import OCI
import TestSupport
import Testing

@testable import imglife

/// The files that keys are written to.
@Suite(.timeLimit(.minutes(10)))
struct KeyFileTests {
    private let text = "-----BEGIN PRIVATE KEY-----\n"

    @Test("A key has its name once it is whole, whatever a killed run has left, and keeps it through a power cut")
    func whole() async throws {
        try await TemporaryDirectory.with { path async throws in
            let file = "\(path)/k"
            try Files.write("-----BEG", to: "\(file).tmp-new")
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await withFaulty("fsync", on: path) { count async throws in
                    group.addTask {
                        try await blocking(on: .syncing) { try ArchiveKeyFile.write(text, to: file, mode: 0o600) }
                    }
                    while count() == 0 { await Task.yield() }
                    #expect(!Files.exists(file))
                }
                try await group.waitForAll()
            }
            #expect(try Files.text(file) == text && Files.list(path) == ["k"])
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
            // The file, and the directory.
            try await withFaulty("fsync", on: path, after: 100) { count async throws in
                try ArchiveKeyFile.write(text, to: "\(file).pub", mode: 0o644)
                #expect(count() == 2)
            }
        }
    }

    @Test("A key that could not be made durable is not there, and none that is there is replaced")
    func refused() async throws {
        try await TemporaryDirectory.with { path async throws in
            let file = "\(path)/k"
            try await withFaulty("fsync", on: path, code: EIO) { _ in
                #expect(throws: KeyFileError.self) { try ArchiveKeyFile.write(text, to: file, mode: 0o600) }
            }
            #expect(try Files.list(path) == [])
            try #require(symlink("nowhere", file) == 0)
            let error = #expect(throws: KeyFileError.self) { try ArchiveKeyFile.write(text, to: file, mode: 0o600) }
            #expect(error?.code == EEXIST && Files.exists("\(path)/nowhere") == false)
        }
    }
}
