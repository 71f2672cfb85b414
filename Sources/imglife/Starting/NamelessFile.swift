import ArgumentParser

/// An option that is to name a file and names none: what a script passes on whose variable is empty.
enum NamelessFile {
    private static let options: Set<Substring> = [
        "--config", "-c", "--cache-dir", "--file", "-o", "--receipt", "--since", "--sign", "--verify-key", "--tls-cert",
        "--tls-key", "--htpasswd", "--ca", "--metrics-file",
    ]

    /// - Throws: `ValidationError` that names the option.
    static func refuse(_ arguments: [String]) throws {
        let arguments = arguments.prefix { $0 != "--" }
        for (position, argument) in zip(arguments.indices, arguments) {
            let isEmpty = arguments.indices.contains(position + 1) && arguments[position + 1].isEmpty
            let option = argument.hasSuffix("=") ? argument.dropLast() : isEmpty ? argument[...] : ""
            guard !options.contains(option) else {
                throw ValidationError("\(option) must name a file or a directory, and is empty")
            }
        }
    }
}
