import ArgumentParser
import Convert
import FoundationEssentials
import Glibc
import OCI

/// `imglife init`: writes a first configuration.
struct InitCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a first configuration.",
        discussion: """
            Without images a commented example to be filled in; with images a configuration that mirrors them. The file is \
            the one that --config names, else imglife.yaml; '-' is standard output. A file that is there stays as it is.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(help: "Images to mirror, such as alpine:3.21.", completion: .cachedImages)
    var images: [String] = []

    @Option(help: ArgumentHelp("Where they go.", valueName: "registry/path"))
    var target: String?

    func run() async throws {
        try await Failure.exiting {
            guard !images.isEmpty || target == nil else {
                throw ValidationError("--target needs images: imglife init --target \(target ?? "") alpine:3.21")
            }
            let text = try images.isEmpty ? FirstConfiguration.text : mirroring()
            let file = parent.options.namedConfiguration ?? "imglife.yaml"
            guard file != "-" else { return try StandardOutput.write(text) }
            try Self.create(file, text)
            Failure.remark("wrote \(file.displaySafe); next: imglife --check, then imglife sync --dry-run")
        }
    }

    private func mirroring() throws -> String {
        var conversion: Conversion
        do throws(ConversionError) {
            conversion = try Conversion(target: target, for: .initialize)
            try conversion.add(images: images)
        } catch {
            throw ValidationError("\(error)")
        }
        return try conversion.yaml()
    }

    /// Never replaces a file.
    private static func create(_ file: String, _ text: String) throws {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw UnwritableConfiguration(file: file, code: errno) }
        defer { close(descriptor) }
        do {
            try StandardOutput.write(text, to: descriptor)
        } catch {
            unlink(file)
            throw UnwritableConfiguration(file: file, code: error.code)
        }
    }
}

/// A first configuration cannot be written.
struct UnwritableConfiguration: Error, CustomStringConvertible {
    let file: String
    let code: CInt

    var description: String {
        guard code == EEXIST else {
            return "cannot write '\(file.displaySafe)': \(String(cString: strerror(code)))"
        }
        return "'\(file.displaySafe)' is there already, and stays as it is; name another file with --config, or '-'"
    }
}
