import ArgumentParser
import Convert
import Glibc
import OCI

/// `imglife convert`: prints a configuration made from other tools' files.
struct ConvertCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Print a configuration made from another tool's file.",
        discussion: """
            Reads regsync.yml, the YAML of 'skopeo sync', dregsy.yaml, image-syncer's YAML and JSON, Kubernetes manifests \
            and the output of 'helm template', CycloneDX and SPDX lists, and lists of images, one a line. What has no \
            counterpart becomes a comment beside its entry; users and passwords are never repeated.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(help: "The files; '-' is standard input.", completion: .file())
    var files: [String]

    @Option(help: ArgumentHelp("Where images go whose file names no target.", valueName: "registry/path"))
    var target: String?

    @Option(name: .customLong("from"), help: "What the files are, where their content does not tell it.")
    var format: ForeignFormat?

    @Flag(help: "Name targets by host and path, as 'skopeo sync --scoped' does.")
    var scoped = false

    func validate() throws {
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("standard input can be read once only")
        }
    }

    func run() async throws {
        try await Failure.exiting {
            var conversion = try empty()
            for file in files {
                try conversion.add(Self.text(of: file), file: file == "-" ? "standard input" : file, format: format)
            }
            try StandardOutput.write(try conversion.yaml())
        }
    }

    private func empty() throws -> Conversion {
        do throws(ConversionError) {
            return try Conversion(target: target, isScoped: scoped)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    private static func text(of file: String) throws -> String {
        do throws(MissingConfiguration) {
            return try ConfigurationFile.read(file, limit: ConfigurationFile.foreignLimit)
        } catch {
            throw UnreadableFile(file: file, code: error.code)
        }
    }
}

/// A file that is to be converted cannot be read.
struct UnreadableFile: Error, CustomStringConvertible {
    let file: String
    let code: CInt

    var description: String {
        "cannot read '\(file.displaySafe)': \(code == EILSEQ ? "it is not UTF-8 text" : String(cString: strerror(code)))"
    }
}

extension ForeignFormat: ExpressibleByArgument {}
