import OCI
import YAML

/// Brings the catalogue up to date, as far as the service answers.
///
/// Nothing here fails: what cannot be refreshed keeps its last copy, marked stale, and becomes a warning.
package struct LifecycleUpdate: Sendable {
    /// After so many failures in a row the rest is not asked, so that a dead service costs a run no more time.
    static let maximumFailures = 2

    /// What came out of it.
    package struct Result: Sendable {
        package var catalogue: LifecycleCatalogue
        package var warnings: [LifecycleWarning] = []
        /// The products of which there is something new to write into the data file.
        fileprivate var changed: Set<String> = []

        /// Whether there is something new to write into the data file.
        package var hasChanged: Bool { !changed.isEmpty }
    }

    private let source: (any LifecycleSource)?
    private let today: CalendarDate

    /// - Parameters:
    ///   - provider: `local` never asks the source.
    ///   - source: is asked for one product at a time.
    ///   - today: the day in UTC; products that were fetched on it are not asked for again.
    package init(provider: LifecycleOptions.Provider, source: any LifecycleSource, today: CalendarDate) {
        self.source = provider == .local ? nil : source
        self.today = today
    }

    /// Reads the data file, refreshes the products, and writes the file when something is new.
    ///
    /// A file that cannot be read counts as empty for this run, and is left as it is. What was fetched today is asked for
    /// again only when that is forced, and a run that keeps nothing leaves the file alone. Throws `CancellationError`
    /// only.
    package func run(
        file: LifecycleDataFile,
        products: some Sequence<String>,
        isForced: Bool = false,
        keepsAnswers: Bool = true
    ) async throws -> Result {
        var fileWarnings: [LifecycleWarning] = []
        var catalogue = LifecycleCatalogue()
        do {
            let kept = try await file.read()
            catalogue = kept ?? catalogue
            if kept == nil, source == nil {
                let text = "there is no end-of-life data in \(file.path.displaySafe), and nobody else is asked"
                fileWarnings.append(LifecycleWarning(.unreadableFile, text))
            }
        } catch let error as ConfigurationError {
            let others = error.problems.count > 1 ? " (and \(error.problems.count - 1) more)" : ""
            fileWarnings.append(LifecycleWarning(.unreadableFile, "\(error.problems[0])\(others)"))
        } catch {
            fileWarnings.append(LifecycleWarning(.unreadableFile, "\(error)"))
        }
        var result = try await refresh(catalogue, products: products, isForced: isForced)
        if keepsAnswers, result.hasChanged, fileWarnings.isEmpty {
            do {
                try await file.write(result.merged(into: file.read()))
            } catch {
                fileWarnings.append(LifecycleWarning(.unwritableFile, "\(error)"))
            }
        }
        result.warnings = fileWarnings + result.warnings
        return result
    }

    /// Refreshes the products in the order of their names, one after the other.
    ///
    /// Throws `CancellationError` only.
    package func refresh(
        _ catalogue: LifecycleCatalogue,
        products: some Sequence<String>,
        isForced: Bool = false
    ) async throws -> Result {
        var result = Result(catalogue: catalogue)
        var failures = 0
        for product in Set(products).sorted() {
            let copy = catalogue.products[product]
            guard let source else {
                if copy == nil { result.warnings.append(.unknownProduct(product, "the data file does not have it")) }
                continue
            }
            if !isForced, let copy, copy.fetched == today { continue }
            guard failures < Self.maximumFailures else {
                result.keep(product, .unreachable, "the service was not asked again after it had failed")
                continue
            }
            failures = try await ask(source, about: product, &result) ? 0 : failures + 1
        }
        return result
    }

    /// - Returns: whether the service is there.
    private func ask(
        _ source: any LifecycleSource,
        about product: String,
        _ result: inout Result
    ) async throws -> Bool {
        guard let name = ProductName(product) else {
            result.keep(product, .unknownProduct, "endoflife.date's names have only a-z, 0-9, '.' and '-'")
            return true
        }
        let copy = result.catalogue.products[product]
        do {
            switch try await source.rows(for: name, entityTag: copy?.entityTag) {
            case .cycles(let bytes, let entityTag):
                result.accept(product, try ReleaseCycle.cycles(parsing: bytes), entityTag: entityTag, today)
            case .notModified where copy != nil:
                result.accept(product, copy?.cycles ?? [], entityTag: copy?.entityTag, today)
            case .notModified:
                result.keep(product, .unusableAnswer, "the service says 'not modified', but there is no copy")
            case .unknownProduct:
                result.keep(product, .unknownProduct, "the service does not know the product")
            }
            return true
        } catch let error as DocumentError {
            result.keep(product, .unusableAnswer, error.description.displaySafe)
            return true
        } catch {
            try Task.checkCancellation()
            result.keep(product, .unreachable, "\(error)".displaySafe)
            return false
        }
    }
}

extension LifecycleUpdate.Result {
    fileprivate mutating func accept(
        _ product: String,
        _ cycles: [ReleaseCycle],
        entityTag: String?,
        _ today: CalendarDate
    ) {
        let entityTag = entityTag.flatMap { ReleaseCycle.isUsable($0) ? $0 : nil }
        let fresh = LifecycleCatalogue.Product(cycles: cycles, fetched: today, entityTag: entityTag)
        if catalogue.products[product] != fresh { changed.insert(product) }
        catalogue.products[product] = fresh
    }

    /// What the data file is to have, where another process may have written into it meanwhile.
    fileprivate func merged(into current: LifecycleCatalogue?) -> LifecycleCatalogue {
        var all = current ?? LifecycleCatalogue()
        for product in changed { all.products[product] = catalogue.products[product] }
        return all
    }

    /// Goes on with what is there already, if anything is.
    fileprivate mutating func keep(_ product: String, _ kind: LifecycleWarning.Kind, _ reason: String) {
        let copy = catalogue.products[product]
        catalogue.products[product]?.isStale = true
        if kind == .unknownProduct, copy == nil {
            warnings.append(.unknownProduct(product, reason))
        } else {
            warnings.append(.notRefreshed(kind, product, reason, copy: copy))
        }
    }
}
