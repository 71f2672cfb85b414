import Archive
import ArgumentParser
import Cache
import Glibc
import OCI

/// `imglife keygen`: makes a pair of keys for archives.
struct KeygenCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make a key that signs archives, and the one that checks them.",
        discussion: "Ed25519 in PEM, as openssl reads and writes it. The private key stays on the side that exports."
    )

    @ParentCommand var parent: Imglife

    @Option(
        name: [.customShort("o"), .customLong("file")],
        help: ArgumentHelp("The private key's file; the public one's has '.pub' added.", valueName: "key"),
        completion: .file()
    )
    var file = "imglife.key"

    func validate() throws {
        guard file != "-" else {
            throw ValidationError("a private key is not written to standard output; name a file with -o")
        }
    }

    func run() async throws {
        try await Failure.exiting {
            let key = ArchiveSigningKey()
            let publicFile = "\(file).pub"
            guard access(publicFile, F_OK) != 0 else { throw KeyFileError(path: publicFile, code: EEXIST) }
            try ArchiveKeyFile.write(key.pem, to: file, mode: 0o600)
            do {
                try ArchiveKeyFile.write(key.verificationKey.pem, to: publicFile, mode: 0o644)
            } catch {
                // One without the other is of no use, and would be in the way of the next try.
                unlink(file)
                throw error
            }
            try StandardOutput.write(
                "\(file.displaySafe(limit: 1024)): private, signs with 'export --sign'\n"
                    + "\(publicFile.displaySafe(limit: 1024)): public, checks with 'import --verify-key'\n"
                    + "key \(key.verificationKey.digest)\n"
            )
        }
    }
}
