// What the operating system said, in words that a user can act on. No module of Node's is needed here.
// Read next: node-files.ts.

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such file or folder'],
  ['ENOTDIR', 'a part of the path is a file, not a folder'],
  ['EISDIR', 'it is a folder'],
  ['EEXIST', 'something of that name is already there'],
  ['ENOTEMPTY', 'a folder is in the way'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the disk is read-only'],
  ['ENOSPC', 'no space is left on the disk'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EIO', 'the disk reported an input/output error'],
  ['EMFILE', 'too many files are open'],
  ['ENFILE', 'too many files are open'],
  ['ELOOP', 'its links lead in a circle'],
  ['ENAMETOOLONG', 'the name is too long'],
  ['EFBIG', 'the file would be too large'],
  ['ERR_FS_FILE_TOO_LARGE', 'the file is too large'],
])

/** The code that Node puts on an error of the operating system, such as ENOENT; '' when there is none. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** Why it failed, in a few words on one line. */
export function reasonOf(error: unknown): string {
  const known = REASONS.get(errorCode(error))
  if (known !== undefined) return known
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0] || 'unknown reason'
}
