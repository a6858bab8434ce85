/** The content type of a stored file (contract, section 4). */

/** RFC 9110, section 8.3.1: `type "/" subtype *( ";" name "=" value )`; one value. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t \\x21-\\x7e])*"'
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:[ \\t]*;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*$`)

/** What a browser shows, and a store is believed about. */
const SHOWN = /^(image|video|audio|text)\//

/** Source code and other plain text, by extensions that type lists give to something else or do not know. */
const TEXT_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    'bash bat bib c cc cfg clj cljs cmake cmd conf cpp cs cts cxx d dart diff dockerfile editorconfig el elm env erl ex ' +
    'exs fish fs fsx gitignore go gradle graphql groovy h hcl hpp hs hxx ini ipynb java jl js jsx kt kts less lisp lock ' +
    'log lua m makefile md mdx mjs ml mli mm mts nim nix patch php pl pm po proto ps1 psm1 py pyi r rb rs rst sass scala ' +
    'scss sh sol sql svelte swift tcl tex tf toml ts tsx v vb vhd vim vue yaml yml zig zsh'
  ).split(' '),
)

/**
 * The type to answer a file with, before what could be executed is made plain text: the stored one where it is one
 * well-formed type that browsers show, else that of the name, else the stored one. `named`: what a list of types makes of
 * the name's extension.
 */
export function storedContentType(
  stored: string | undefined,
  fileName: string,
  named: (fileName: string) => string | null,
): string {
  const type = stored === undefined ? undefined : wellFormedType(stored)
  if (type !== undefined && SHOWN.test(type)) return type
  const extension = /\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? fileName.toLowerCase()
  if (TEXT_EXTENSIONS.has(extension)) return 'text/plain; charset=utf-8'
  return named(fileName) ?? type ?? 'application/octet-stream'
}

/** A media type in lower case; undefined for anything else, such as two of them. */
export function wellFormedType(text: string): string | undefined {
  const type = text.trim()
  return type.length <= 255 && MEDIA_TYPE.test(type) ? type.toLowerCase() : undefined
}
