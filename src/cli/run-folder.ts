// The folder DIR of a run: what is written there, when, and in which order, so that a process that is killed
// at any moment leaves a run to go on from.
//
//   metrics.jsonl            grows line by line; on the disk before the checkpoint that knows its length
//   model.safetensors, config.json     the model, at each save: sample and eval can be used at any time
//   checkpoint.safetensors   takes its place last, in one rename: with it the save has happened
//
// Nothing is made before the first save. Then a run that had not ended, or was saved there meanwhile, gives
// way, to DIR/earlier-1; another is replaced. Saving reads and draws nothing: it cannot change a number.

import * as fs from 'node:fs'
import { join } from 'node:path'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import type { AnyVocabulary } from '../data/words.ts'
import { encodeCheckpoint } from '../io/node-checkpoint.ts'
import { ensureFolder, removeTemporaries, writeTogether } from '../io/node-files.ts'
import { languageModelFiles } from '../io/node-language-model.ts'
import type { LanguageModel } from '../train/language-model.ts'
import type { Training } from '../train/loop.ts'
import { checkUnlocked, lock } from './lock.ts'
import { MetricsFile } from './metrics-file.ts'
import { CHECKPOINT, hasUnfinishedRun, METRICS, type RunNotes } from './run-notes.ts'

const PAUSE = 10_000 // milliseconds between two saves
const SHARE = 20 // and so many times as long as a save takes: it costs 5 % at most
const MOST_WAITING = 4e6 // bytes of metrics that wait in memory for the first save

/** All that belongs to a run, as it lies in its folder; the checkpoint is last to come and to go. */
const FILES = [METRICS, 'model.safetensors', 'config.json', 'plots', 'report.html', CHECKPOINT]

/** What is saved. */
export interface Saved {
  readonly training: Training
  readonly model: LanguageModel
  readonly texts: { readonly vocabulary: AnyVocabulary }
}

export interface RunFolderOptions {
  readonly dir: string
  /** steps between two saves; undefined goes by the clock */
  readonly saveEvery: number | undefined
  /** what the checkpoint keeps for --resume: options and text */
  readonly keep: Pick<RunNotes, 'options' | 'texts'>
}

export class RunFolder {
  readonly dir: string
  /** the last step that was saved; undefined before the first save */
  savedStep: number | undefined
  private readonly options: RunFolderOptions
  private readonly metrics: MetricsFile
  private release = (): void => {}
  private place = { told: true, metrics: 0 } // of the last mark
  private savedAt = performance.now()
  private pause = PAUSE
  private readonly found: number | undefined // when the checkpoint was made that lay there at first

  /** @throws UnrolledError when another run writes there */
  constructor(options: RunFolderOptions) {
    this.dir = options.dir
    this.options = options
    this.metrics = new MetricsFile(join(options.dir, METRICS))
    checkUnlocked(options.dir)
    this.found = checkpointTime(options.dir)
  }

  /** Goes on with the run whose checkpoint is there: its metrics are cut back to it. Lines to be told. */
  goOn(step: number, notes: RunNotes): string[] {
    this.take()
    this.savedStep = step
    const whole = this.metrics.cutBack(notes.metrics)
    this.mark(notes.told)
    if (whole) return []
    return [`${printable(this.metrics.path)} is shorter than when the checkpoint was made; what is missing ` +
      'stays missing']
  }

  /** Adds a line to the metrics. */
  line(text: string): void {
    this.guarded(() => { this.metrics.line(text) })
  }

  /**
   * What was told up to here stands; what comes between this and a save is told again after a resume.
   * @param told whether all that was to follow on the last step, samples and validation, has been told
   */
  mark(told: boolean): void {
    this.place = { told, metrics: this.metrics.length }
  }

  /** Whether it is time to save. */
  isDue(step: number): boolean {
    const { saveEvery } = this.options
    if (!this.metrics.isOpen && this.metrics.length > MOST_WAITING) return true
    if (saveEvery !== undefined) return step % saveEvery === 0
    return performance.now() - this.savedAt >= this.pause
  }

  /**
   * Saves all, or nothing.
   * @param finished whether the run has come to its end
   * @param last lines that end the metrics, when the run ends
   * @throws NonFiniteError for weights that are not finite, UnrolledError when writing fails; what was saved
   *   before is whole
   */
  async save(run: Saved, finished = false, last: readonly string[] = []): Promise<void> {
    const begun = performance.now()
    const state = await run.training.state()
    const files = await languageModelFiles(this.dir, run.model, run.texts.vocabulary)
    const notes: RunNotes = { ...this.options.keep, ...this.place, finished }
    const contents = encodeCheckpoint({ state, notes: { ...notes } })
    this.guarded(() => {
      for (const line of last) this.metrics.line(line)
      this.write([...files, { path: join(this.dir, CHECKPOINT), contents }])
    })
    this.savedStep = state.steps
    this.savedAt = performance.now()
    this.pause = Math.max(PAUSE, SHARE * (this.savedAt - begun))
  }

  /** Lets another run in. */
  close(): void {
    this.metrics.close()
    this.release()
  }

  private write(files: Parameters<typeof writeTogether>[0]): void {
    if (this.metrics.isOpen) {
      this.metrics.sync()
      writeTogether(files)
      return
    }
    ensureFolder(this.dir)
    this.take()
    writeTogether([{ path: this.metrics.path, contents: this.metrics.text }, ...files], () => {
      const another = checkpointTime(this.dir) !== this.found // has been saved there since we began
      if (another || hasUnfinishedRun(this.dir)) moveAway(this.dir)
    })
    this.metrics.open()
  }

  private take(): void {
    this.release = lock(this.dir)
    removeTemporaries(this.dir, FILES)
  }

  /** An error's line also says what is left to go on from. */
  private guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!(error instanceof UnrolledError)) throw error
      throw new UnrolledError(`${error.message}; ${this.whatIsLeft()}`)
    }
  }

  private whatIsLeft(): string {
    const { dir, savedStep: step } = this
    if (step === undefined) return 'nothing was saved'
    if (!fs.existsSync(join(dir, CHECKPOINT))) return `step ${step}, saved before, is not there any more`
    return `step ${step}, saved before, is whole: npx unrolled train --resume ${shellWord(dir)}`
  }
}

/** A folder's name as it can be typed; one with control characters cannot, and is only shown. */
export function shellWord(dir: string): string {
  if (/^[\w./-]+$/.test(dir)) return dir
  if (/\p{C}/u.test(dir)) return printable(dir)
  const needsSingle = process.platform !== 'win32' && /["$`\\!]/.test(dir)
  return needsSingle ? `'${dir.replaceAll("'", "'\\''")}'` : `"${dir}"`
}

/** DIR/earlier-1, or the first such number that holds no whole run. */
export function earlierFolder(dir: string): string {
  for (let n = 1; ; n++) {
    const path = join(dir, `earlier-${n}`)
    if (!fs.existsSync(join(path, CHECKPOINT))) return path
  }
}

/** In milliseconds; undefined when there is none. */
function checkpointTime(dir: string): number | undefined {
  return fs.statSync(join(dir, CHECKPOINT), { throwIfNoEntry: false })?.mtimeMs
}

function moveAway(dir: string): void {
  const to = earlierFolder(dir)
  fs.mkdirSync(to, { recursive: true })
  for (const name of FILES) {
    if (fs.existsSync(join(dir, name))) fs.renameSync(join(dir, name), join(to, name))
  }
}
