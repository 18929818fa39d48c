// The main job's first ten losses beside PyTorch's, on the gpu: in software that takes its time.

import { suite } from 'uvu'
import { gpu } from '../devices.ts'
import { firstLosses } from '../first-losses.ts'

const test = suite('first losses, gpu')

firstLosses(test, gpu)

test.run()
