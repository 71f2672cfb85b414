import ArgumentParser

@main struct Imglife: AsyncParsableCommand {
    func run() async throws {}
}
