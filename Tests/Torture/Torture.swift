import FaultRig

@main
enum Torture {
    static func main() async throws {
        var figures: [Figures] = []
        let names = CommandLine.arguments.dropFirst()
        for (name, run) in campaigns where names.isEmpty || names.contains(name) {
            let start = ContinuousClock.now
            let result = try await run()
            print(name, ContinuousClock.now - start, result)
            figures.append(result)
        }
    }

    private static let campaigns: [(String, @Sendable () async throws -> Figures)] = [
        ("F1", { try await Campaign.randomKills(40) }),
        ("F2", { try await Campaign.killEverywhere(stride: 20) }),
        ("F3", { try await Campaign.powerCuts(20) }),
        ("F3a", { try await Campaign.powerCuts(5, control: .noFileSync) }),
        ("F3b", { try await Campaign.powerCuts(5, control: .noDirectorySync) }),
        ("F3c", { try await Campaign.powerCuts(20, control: .lateRename) }),
        ("F3d", { try await Campaign.crashStates(.images, stride: 20) }),
        ("F3e", { try await Campaign.crashStates(.mixed, stride: 40) }),
        ("F3f", { try await Campaign.crashStates(.images, stride: 20, control: .noFileSync) }),
        ("F3g", { try await Campaign.crashStates(.images, stride: 20, control: .noDirectorySync) }),
        ("F3h", { try await Campaign.crashStates(.images, stride: 5, control: .lateRename) }),
        ("F4", { try await Campaign.errorsEverywhere(60) }),
    ]
}
