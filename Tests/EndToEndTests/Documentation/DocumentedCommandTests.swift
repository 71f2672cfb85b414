import TestSupport
import Testing

/// Every command line of the documentation that can run is run, and every configuration in it is checked.
@Suite(.requires(.tool("openssl")), .timeLimit(.minutes(10)))
struct DocumentedCommandTests {
    private static let pages = DocumentedPage.names.filter { name in
        (try? DocumentedPage(name))?.commands.isEmpty == false
    }

    @Test("Every command line of a page does what it says", arguments: pages)
    func commands(page: String) async throws {
        let commands = try DocumentedPage(page).commands.filter(DocumentedWorkspace.isRun)
        try await DocumentedWorkspace.with { workspace async throws in
            let first = try await workspace.run("imglife sync")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            for command in commands {
                if command.contains(#/imglife (.* )?serve( |$)/#) {
                    let count = try await workspace.serve(command)
                    #expect(count > 0, "\(command)")
                } else {
                    let result = try await workspace.run(command)
                    // That something will soon reach its end of life is what some ask.
                    let isExpected = result.status == 0 || result.status == 1 && command.contains("--fail-within")
                    #expect(isExpected, "\(command): \(result.status) \(result.output)\(result.errors)")
                }
            }
        }
    }

    @Test("Most lines are run, and each reason to leave one out has a line")
    func reasons() throws {
        let all = try DocumentedPage.names.flatMap { try DocumentedPage($0).commands }
        #expect(all.count > 60, "\(all)")
        #expect(all.count { !DocumentedWorkspace.isRun($0) } <= 6)
        for (part, _) in DocumentedWorkspace.reasons {
            let isNeeded = all.contains { $0.contains(part) }
            #expect(isNeeded, "\(part)")
        }
    }

    @Test("Every configuration that a page shows passes --check, without a warning")
    func configurations() async throws {
        let all = try DocumentedPage.names.flatMap { name in
            try DocumentedPage(name).configurations.map { (name, $0) }
        }
        #expect(all.count >= 8, "\(all.map(\.0))")
        try await DocumentedWorkspace.with { workspace async throws in
            for (page, text) in all {
                let local = text.replacing("/etc/ssl/private-ca.pem", with: "private-ca.pem")
                    .replacing(#//var/(lib|cache)/imglife/#, with: "var/other")
                try workspace.guide.workspace.configure(local)
                let result = try await workspace.guide.workspace.run("--check")
                #expect(result.status == 0, "\(page): \(result.errors)")
                #expect(!result.errors.contains("WARNING"), "\(page): \(result.errors)")
            }
        }
    }
}
