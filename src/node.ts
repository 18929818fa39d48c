// The public names that need Node: files and data sets. All of index.ts is here too.

export * from './index.ts'
export { loadCorpus, loadText } from './data/node-corpus.ts'
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from './io/node-checkpoint.ts'
export { loadModel, saveModel, writeAtomically } from './io/node-files.ts'
export { loadLanguageModel, type LoadedLanguageModel, saveLanguageModel } from './io/node-language-model.ts'
