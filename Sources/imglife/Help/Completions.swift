import ArgumentParser
import Cache
import FoundationEssentials
import Logging
import OCI
import Sync

extension CompletionKind {
    /// What a shell offers at once.
    private static let limit = 500

    /// The names that the cache holds, as far as they begin like what was written.
    static var cachedImages: CompletionKind {
        .custom { words, _, prefix async in escaped(await Completions(words).cachedImages(prefix, limit)) }
    }

    /// The sources and targets of the configuration's entries.
    static var entries: CompletionKind {
        .custom { words, _, _ async in escaped(Completions(words).entries()) }
    }

    /// Tags of the entries' sources, as far as the configuration or the cache has them.
    static var explained: CompletionKind {
        .custom { words, _, prefix async in
            let completions = Completions(words)
            return escaped(completions.fixedTags() + (await completions.cachedImages(prefix, limit)))
        }
    }

    /// The hosts that the configuration names.
    static var registries: CompletionKind {
        .custom { words, _, _ async in escaped(Completions(words).registries()) }
    }

    /// Those that most images are made for.
    static var platforms: CompletionKind {
        .list([
            "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x",
        ])
    }

    /// What follows a colon is a description to zsh.
    private static func escaped(_ names: [String]) -> [String] {
        CompletionShell.requesting == .zsh ? names.map { $0.replacing(":", with: "\\:") } : names
    }

    static var yamlFile: CompletionKind { .file(extensions: ["yaml", "yml"]) }
}

/// What shells offer; whatever goes wrong, that is nothing.
struct Completions: Sendable {
    private let options: GlobalOptions

    /// - Parameter words: of the command line so far, of which the options say where the configuration and the cache are.
    init(_ words: [String]) {
        func value(_ names: String...) -> [String] {
            for (position, word) in words.enumerated() {
                if let name = names.first(where: { word.hasPrefix("\($0)=") }) {
                    return [names[0], String(word.dropFirst(name.count + 1))]
                }
                if names.contains(word), position + 1 < words.count { return [names[0], words[position + 1]] }
            }
            return []
        }
        let arguments = value("--config", "-c") + value("--cache-dir") + ["--log-level", "error"]
        options = (try? GlobalOptions.parse(arguments)) ?? GlobalOptions()
    }

    func entries() -> [String] {
        guard let session = try? Session(options: options, copies: false) else { return [] }
        return Set(session.configuration.entries.flatMap { ["\($0.source)", "\($0.target)"] }).sorted()
    }

    func fixedTags() -> [String] {
        guard let session = try? Session(options: options, copies: false) else { return [] }
        let names = session.configuration.entries.compactMap { entry -> String? in
            guard case .tag(let tag) = entry.selection else { return nil }
            return "\(entry.source):\(tag)"
        }
        return Set(names).sorted()
    }

    func registries() -> [String] {
        guard let session = try? Session(options: options, copies: false) else { return [] }
        let configuration = session.configuration
        return Set(configuration.registries.keys.map { "\($0)" } + configuration.entries.map { "\($0.source.host)" })
            .sorted()
    }

    func cachedImages(_ prefix: String, _ limit: Int) async -> [String] {
        guard let session = try? Session(options: options, copies: false) else { return [] }
        var configuration = session.cache
        configuration.mode = .existing
        configuration.mayBeReadOnly = true
        configuration.logger = Logger(label: "imglife") { _ in SwiftLogNoOpLogHandler() }
        let names = try? await ContentCache.with(configuration) { cache in
            try await cache.inventory.names { name in
                Self.spellings(name).contains { $0.hasPrefix(prefix) }
            }
        }
        return (names ?? []).prefix(limit).compactMap { name in
            Self.spellings(name).first { $0.hasPrefix(prefix) }
        }
    }

    /// Docker Hub's names also without its host.
    private static func spellings(_ name: ImageReference) -> [String] {
        let whole = name.description
        return [whole]
            + ["docker.io/library/", "docker.io/"].filter(whole.hasPrefix).map { String(whole.dropFirst($0.count)) }
    }
}
