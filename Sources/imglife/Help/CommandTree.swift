import ArgumentParser

/// The commands by their names.
enum CommandTree {
    static func names(of command: any ParsableCommand.Type) -> [String] {
        command.configuration.subcommands.compactMap { $0.configuration.commandName }
    }

    static func child(_ name: String, of command: any ParsableCommand.Type) -> (any ParsableCommand.Type)? {
        command.configuration.subcommands.first { $0.configuration.commandName == name }
    }

    /// Every command with the names that lead to it; the program itself has none.
    static var all: [(path: [String], command: any ParsableCommand.Type)] { below(Imglife.self, []) }

    private static func below(
        _ command: any ParsableCommand.Type,
        _ path: [String]
    ) -> [(path: [String], command: any ParsableCommand.Type)] {
        [(path, command)]
            + command.configuration.subcommands.flatMap { below($0, path + [$0.configuration.commandName ?? ""]) }
    }
}
